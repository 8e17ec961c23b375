#!/usr/bin/python3
"""Stands in for a daemon in cluster_test.py: listens where its configuration says, and connects where it is told.

A line "ask HOST PORT" is answered with what that one says to "who", or with "silence" when it says nothing for a second.
A line "who" is answered with the node's id. SIGTERM ends it in order.
"""
import signal
import socket
import sys
import threading


def ask(host, port):
    try:
        with socket.create_connection((host, int(port)), 1) as s:
            s.sendall(b'who\n')
            return s.makefile().readline().strip() or 'closed'
    except TimeoutError:
        return 'silence'
    except OSError as e:
        return type(e).__name__


def serve(client, me):
    with client, client.makefile('rw') as lines:
        for line in lines:
            words = line.split()
            lines.write((me if words == ['who'] else ask(*words[1:])) + '\n')
            lines.flush()


def listen(host, port, me):
    with socket.create_server((host, int(port))) as door:
        while True:
            threading.Thread(target=serve, args=(door.accept()[0], me), daemon=True).start()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open(sys.argv[sys.argv.index('--config') + 1], encoding='utf-8') as f:
    config = dict(line.strip().split('=', 1) for line in f)
if config.get('end') == 'at once':
    sys.exit('server.properties:1: end: this configuration ends at once')
for listener in config['listeners'].split(','):
    threading.Thread(target=listen, args=(*listener.split('://')[1].split(':'), config['node.id']), daemon=True).start()
signal.pause()
