"""Stands between the nodes of a local cluster where there are no network namespaces (links.py).

  proxy.py DIR '{"1": [[FRONT, BACK], ...], ...}'    FRONT: where others connect, BACK: where the node listens

DIR/drops.json lists directed pairs (from, to) that nothing passes; what was sent meanwhile is held and passes when the pair
is gone from it. Who connects is found in /proc: the process that owns the socket, looked up in DIR/N/pid. Everybody else is 0.
"""
import json
import os
import socket
import sys
import threading
import time

DIR, PORTS = sys.argv[1], json.loads(sys.argv[2])
changed = threading.Condition()
drops = set()


def watch():
    global drops
    while True:
        try:
            with open(f'{DIR}/drops.json', encoding='utf-8') as f:
                now = set(map(tuple, json.load(f)))
        except (OSError, ValueError):
            now = drops
        if now != drops:
            with changed:
                drops = now
                changed.notify_all()
        time.sleep(0.02)


def inode_of(port):
    """Of the socket whose local port is `port`."""
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        with open(table, encoding='ascii') as rows:
            for row in rows:
                words = row.split()
                if words[1].endswith(f':{port:04X}') and words[9] != '0':
                    return words[9]
    return None


def node_behind(port):
    inode = inode_of(port)
    for node in PORTS:
        try:
            with open(f'{DIR}/{node}/pid', encoding='ascii') as f:
                fds = f'/proc/{f.read().split()[0]}/fd'
            for fd in os.listdir(fds):
                try:
                    if os.readlink(f'{fds}/{fd}') == f'socket:[{inode}]':
                        return int(node)
                except OSError:
                    continue
        except (OSError, IndexError):
            continue
    return 0


def copy(source, sink, pair):
    try:
        while data := source.recv(65536):
            with changed:
                changed.wait_for(lambda: pair not in drops)
            sink.sendall(data)
        with changed:
            changed.wait_for(lambda: pair not in drops)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # A reset on one side is a reset on the other.
        for s in (source, sink):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            s.close()


def serve(client, port, back, node):
    peer = node_behind(port)
    with changed:
        changed.wait_for(lambda: (peer, node) not in drops and (node, peer) not in drops)
    try:
        server = socket.create_connection(('127.0.0.1', back))
    except OSError:
        # As near to "refused" as one gets who has accepted already.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        client.close()
        return
    for s in (client, server):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=copy, args=(server, client, (node, peer)), daemon=True).start()
    copy(client, server, (peer, node))


def listen(front, back, node):
    door = socket.create_server(('127.0.0.1', front), backlog=512)
    while True:
        client, (_, port) = door.accept()
        threading.Thread(target=serve, args=(client, port, back, node), daemon=True).start()


for number, pairs in PORTS.items():
    for one, other in pairs:
        threading.Thread(target=listen, args=(one, other, int(number)), daemon=True).start()
watch()
