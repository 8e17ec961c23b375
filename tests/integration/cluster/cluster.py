#!/usr/bin/python3
"""A local cluster of daemons; ./dev cluster calls this.

Example:  ./dev cluster up 3 && ./dev cluster cut 1 && ./dev cluster heal && ./dev cluster down

  up [N]         start N nodes (default 3), broker and controller each, and print where clients connect
  status         each node: address, process, links
  kill N         kill -9                       start N    start it again, with its configuration and data
  stop N         SIGTERM: an orderly end       restart N  stop and start
  pause N        SIGSTOP                       resume N   SIGCONT
  power N...     the power of nodes fails: they die, and lose what they did not sync (after up --power); --seed S
  cut N [M]      no packet passes between node N and the others (or node M); clients still reach both
  cut N --all    ... and no packet between node N and the clients
  heal           continue, connect and start everything
  down           end all nodes and remove their data
  serve          verbs from stdin, one per line, "ID VERB..."; answers "ID EXIT-CODE TEXT" when each is done, in any order;
                 at the end of stdin the cluster that it has started is down (for programs: `faultline scenario run`)

Exit: 0 done, 1 a node did not do it, 2 asked for what cannot be (one line).
"""
import argparse
import os
import signal
import sys
import threading

import links
from local_cluster import ROOT, LocalCluster, Misuse, NodeEnded


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Misuse(f'{message}; ./dev cluster help tells')


def arguments(argv):
    parser = Parser(prog='./dev cluster', add_help=False)
    parser.add_argument('--dir', default=os.environ.get('FL_CLUSTER_DIR', f'{ROOT}/build/cluster'),
                        help='where state, configuration and data are')
    verbs = parser.add_subparsers(dest='verb', parser_class=Parser)
    up = verbs.add_parser('up', add_help=False)
    up.add_argument('nodes', nargs='?', type=int, default=3)
    up.add_argument('--kafka', action='store_true', help='nodes of Apache Kafka')
    up.add_argument('--bin', default=f'{ROOT}/build/release/bin')
    up.add_argument('--log-dirs', type=int, default=1)
    up.add_argument('--links', choices=sorted(links.KINDS), help='default: namespaces where they work')
    up.add_argument('--port', type=int, default=19090, help='proxy: node N listens on PORT+10N')
    up.add_argument('--power', action='store_true', help='with the library that `power` needs')
    up.add_argument('--set', action='append', default=[], metavar='KEY=VALUE')
    for verb in ('kill', 'start', 'stop', 'restart', 'pause', 'resume'):
        verbs.add_parser(verb, add_help=False).add_argument('node', type=int)
    cut = verbs.add_parser('cut', add_help=False)
    cut.add_argument('node', type=int)
    cut.add_argument('other', type=int, nargs='?')
    cut.add_argument('--all', action='store_true')
    cut.add_argument('--one-way', action='store_true', help='only what NODE sends is lost')
    power = verbs.add_parser('power', add_help=False)
    power.add_argument('nodes', type=int, nargs='+')
    power.add_argument('--seed', type=int, default=1)
    power.add_argument('--writes', choices=('keep', 'drop', 'torn', 'random'), default='random')
    power.add_argument('--names', choices=('keep', 'drop', 'random'), default='random')
    drop = verbs.add_parser('drop', add_help=False)
    drop.add_argument('pairs', nargs='?', default='', help='A>B,C>D: exactly these are cut, in this direction; 0: the clients')
    for verb in ('launch', 'wait'):
        verbs.add_parser(verb, add_help=False).add_argument('node', type=int)
    for verb in ('status', 'heal', 'bootstrap', 'serve'):
        verbs.add_parser(verb, add_help=False)
    verbs.add_parser('down', add_help=False).add_argument('--keep', action='store_true', help='leave configuration and data')
    return parser.parse_args(argv)


def up(a):
    if not 1 <= a.nodes <= 9:
        raise Misuse(f'up {a.nodes}: 1 to 9 nodes')
    for pair in a.set:
        if '=' not in pair:
            raise Misuse(f'--set {pair}: not KEY=VALUE, as min.insync.replicas=2')
    try:
        cluster = LocalCluster.up(a.dir, a.nodes, kind='kafka' if a.kafka else 'faultline', links_kind=a.links, port=a.port,
                                  binary=os.path.abspath(f'{a.bin}/faultlined'),
                                  power=os.path.abspath(f'{a.bin}/power_cut.so') if a.power else None, changes=dict(p.split('=', 1) for p in a.set),
                                  log_dirs=a.log_dirs)
    except (NodeEnded, OSError) as e:
        if os.path.exists(f'{a.dir}/cluster.json'):
            LocalCluster(a.dir).down(keep=True)
        raise NodeEnded(f'{e}; nothing runs, configuration and logs are left in {a.dir}') from e
    return told(cluster)


def told(cluster):
    return cluster.status() + [f'links={cluster.links.kind} data={cluster.dir} bootstrap={cluster.bootstrap()}']


def cut(cluster, a):
    cluster.check(a.node)
    if a.other is not None and cluster.check(a.other) == a.node:
        raise Misuse(f'cut {a.node} {a.other}: a node has no link to itself')
    if a.other is None and not a.all and cluster.state['nodes'] == 1:
        raise Misuse('cut: there is no other node; --all cuts it from the clients')
    if a.other is not None:
        others = [a.other]
    else:
        others = [n for n in cluster.numbers() if n != a.node]
        if a.all:
            others.append(links.CLIENTS)
    if not cluster.cut([a.node], others, both=not a.one_way):
        raise Misuse(f'cut: node {a.node} is cut there already; `heal` connects all')
    return cluster.status()


def drop(cluster, pairs):
    """From a program that counts itself who is cut from whom by how many faults."""
    cluster.set_drops({tuple(int(n) for n in pair.split('>')) for pair in pairs.split(',') if pair})
    return []


def act(a):
    """Returns what to tell, by lines."""
    if a.verb == 'up':
        return up(a)
    cluster = LocalCluster(a.dir)
    if a.verb == 'status':
        return told(cluster)
    if a.verb == 'bootstrap':
        return [cluster.bootstrap()]
    if a.verb == 'cut':
        return cut(cluster, a)
    if a.verb == 'drop':
        return drop(cluster, a.pairs)
    if a.verb == 'power':
        for node in a.nodes:
            cluster.check(node)
        return cluster.power(sorted(set(a.nodes)), seed=a.seed, writes=a.writes, names=a.names)
    if a.verb == 'heal':
        return cluster.heal() or ['nothing to heal']
    if a.verb == 'down':
        cluster.down(keep=a.keep)
        return [f'{cluster.state["nodes"]} nodes ended']
    cluster.check(a.node)
    if a.verb == 'restart':
        cluster.stop(a.node)
        cluster.start(a.node)
    else:
        getattr(cluster, a.verb)(a.node)
    return [] if a.verb in ('launch', 'wait') else [cluster.status()[a.node - 1]]


def attempt(argv):
    """Exit code and lines."""
    try:
        a = arguments(argv)
        if a.verb is None:
            raise Misuse('which verb? ./dev cluster help tells')
        if a.verb == 'serve':
            return 0, serve(a.dir)
        return 0, act(a)
    except Misuse as e:
        return 2, [f'cluster: {e}']
    except (NodeEnded, OSError) as e:
        return 1, [f'cluster: {e}']


def serve(directory):
    def answer(number, words):
        code, lines = attempt(['--dir', directory, *words])
        sys.stdout.write(f'{number} {code} {"; ".join(lines)}\n')
        sys.stdout.flush()

    workers = []
    for line in sys.stdin:
        number, *words = line.split()
        workers.append(threading.Thread(target=answer, args=(number, words), daemon=True))
        workers[-1].start()
    for worker in workers:
        worker.join(5)
    if os.path.exists(f'{directory}/cluster.json'):
        LocalCluster(directory).down()
    return []


def main(argv):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if not argv or argv[0] in ('help', '-h', '--help'):
        print(__doc__.strip())
        return 0
    code, lines = attempt(argv)
    if lines:
        print('\n'.join(lines), file=sys.stderr if code else sys.stdout)
    return code


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
