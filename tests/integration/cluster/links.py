"""How the nodes of a local cluster reach each other, and how that is cut. Two kinds:

  namespaces  a network namespace per node, on one bridge. A cut is a neighbour entry that leads nowhere: packets vanish as
              on a pulled cable, connections stay open and time out. One direction can be cut alone. Needs root and iproute2.
  proxy       all on 127.0.0.1; between them proxy.py, which holds what may not pass. An attempt to connect over a cut link
              succeeds and is then silent, which a real network does not do.

Nodes are numbered from 1; 0 stands for everybody who is not a node: the clients on this machine.
"""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = 0
NOWHERE = '02:00:00:00:00:ff'


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise OSError(f'{" ".join(command)}: {done.stderr.strip() or done.returncode}')
    return done.stdout


def namespaces_work():
    """Tries it, since neither being root nor having `ip` says that a container allows it."""
    if os.geteuid() != 0 or shutil.which('ip') is None:
        return False
    name = f'flt{os.getpid()}'
    try:
        run('ip', 'netns', 'add', name)
        run('ip', 'link', 'add', name, 'type', 'bridge')
        run('ip', 'link', 'add', name + 'v', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
        return True
    except OSError:
        return False
    finally:
        for what in (['link', 'del', name + 'v'], ['link', 'del', name], ['netns', 'del', name]):
            run('ip', *what, check=False)


class Namespaces:
    kind = 'namespaces'

    def __init__(self, state):
        self.nodes, self.net = state['nodes'], state['net']
        self.bridge = f'fl{self.net}'

    @staticmethod
    def choose(_port):
        """A number for the bridge, the namespaces and the addresses, in 198.18.0.0/16 (RFC 2544: for tests)."""
        with open('/tmp/.faultline-cluster-lock', 'w', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for n in range(1, 255):
                if not os.path.exists(f'/sys/class/net/fl{n}'):
                    run('ip', 'link', 'add', f'fl{n}', 'type', 'bridge')
                    run('ip', 'addr', 'add', f'198.18.{n}.254/24', 'dev', f'fl{n}')
                    return n
        raise OSError('all of fl1 to fl254 are taken; `ip link` shows them, `./dev cluster down` removes one')

    def address(self, node):
        return f'198.18.{self.net}.{node or 254}'

    def namespace(self, node):
        return f'fl{self.net}n{node}'

    def device(self, node):
        return 'eth0' if node else self.bridge

    def up(self):
        run('ip', 'link', 'set', self.bridge, 'up')
        for node in range(1, self.nodes + 1):
            name = self.namespace(node)
            run('ip', 'netns', 'add', name)
            run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
            run('ip', 'link', 'set', name, 'master', self.bridge, 'up')
            run('ip', '-n', name, 'link', 'set', 'lo', 'up')
            run('ip', '-n', name, 'addr', 'add', self.address(node) + '/24', 'dev', 'eth0')
            run('ip', '-n', name, 'link', 'set', 'eth0', 'up')

    def down(self):
        for node in range(1, self.nodes + 1):
            # By itself it would go with the namespace's last process, some time later.
            run('ip', 'link', 'del', self.namespace(node), check=False)
            run('ip', 'netns', 'del', self.namespace(node), check=False)
        run('ip', 'link', 'del', self.bridge, check=False)

    def listen(self, node):
        """Host, client port, controller port: where the node binds."""
        return self.address(node), 9092, 9093

    advertised = listen

    def command(self, node, argv):
        return ['ip', 'netns', 'exec', self.namespace(node), *argv]

    def set_drops(self, old, new):
        """Directed pairs (from, to) that nothing passes."""
        for sender, receiver in set(map(tuple, old)) ^ set(map(tuple, new)):
            where = ['-n', self.namespace(sender)] if sender else []
            to = [self.address(receiver), 'dev', self.device(sender)]
            if (sender, receiver) in new:
                run('ip', *where, 'neigh', 'replace', *to, 'lladdr', NOWHERE, 'nud', 'permanent')
            else:
                run('ip', *where, 'neigh', 'del', *to)


class Proxy:
    kind = 'proxy'

    def __init__(self, state):
        self.nodes, self.port, self.dir = state['nodes'], state['net'], state['dir']

    @staticmethod
    def choose(port):
        return port

    def up(self):
        # What the proxy is told stands in files, so that it may be asked by any process.
        self.set_drops([], [])
        ports = {node: [[self.port + 10 * node + i, self.port + 10 * node + 5 + i] for i in (0, 1)]
                 for node in range(1, self.nodes + 1)}
        with open(f'{self.dir}/proxy.log', 'w', encoding='utf-8') as log:
            child = subprocess.Popen([sys.executable, f'{HERE}/proxy.py', self.dir, json.dumps(ports)],
                                     stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        with open(f'{self.dir}/proxy.pid', 'w', encoding='utf-8') as out:
            out.write(str(child.pid))
        for pairs in ports.values():
            for front, _ in pairs:
                while not answers('127.0.0.1', front):
                    if child.poll() is not None:
                        with open(f'{self.dir}/proxy.log', encoding='utf-8') as log:
                            raise OSError(f'the proxy ended: {log.read().strip().splitlines()[-1:]}')
                    time.sleep(0.02)

    def down(self):
        try:
            with open(f'{self.dir}/proxy.pid', encoding='utf-8') as pid:
                os.kill(int(pid.read()), signal.SIGTERM)
            os.remove(f'{self.dir}/proxy.pid')
        except (OSError, ValueError):
            pass

    def listen(self, node):
        return '127.0.0.1', self.port + 10 * node + 5, self.port + 10 * node + 6

    def advertised(self, node):
        return '127.0.0.1', self.port + 10 * node, self.port + 10 * node + 1

    def command(self, _node, argv):
        return argv

    def set_drops(self, _old, new):
        with open(f'{self.dir}/drops.tmp', 'w', encoding='utf-8') as out:
            json.dump(sorted(new), out)
        os.rename(f'{self.dir}/drops.tmp', f'{self.dir}/drops.json')
        time.sleep(0.1)  # proxy.py looks 50 times a second


KINDS = {k.kind: k for k in (Namespaces, Proxy)}


def answers(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False
