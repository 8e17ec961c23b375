#!/usr/bin/python3
"""A cluster tool whose nodes lose the end of their logs when they are killed: is `faultline scenario run` awake?"""
import glob
import os
import sys

import cluster
from local_cluster import LocalCluster

LOST_BYTES = 20000


class Lossy(LocalCluster):
    def kill(self, node):
        super().kill(node)
        for log in glob.glob(f'{self.dir}/{node}/data*/orders-*/*.log'):
            os.truncate(log, max(0, os.path.getsize(log) - LOST_BYTES))


cluster.LocalCluster = Lossy
sys.exit(cluster.main(sys.argv[1:]))
