"""A cluster of daemons on this machine, Faultline's or Apache Kafka's: started, hurt, healed. No state but a directory."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, f'{ROOT}/tests/support/power_cut')
import links
import power_cut
KAFKA_HOME = os.environ.get('FL_KAFKA_HOME') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'faultline-reference-kafka')
PATIENCE_S = float(os.environ.get('FL_CLUSTER_PATIENCE_S', 60))


class Misuse(Exception):
    """One line for a person."""


class NodeEnded(Exception):
    """A daemon that should run does not."""


def properties(state, node, links_, changes):
    """The configuration of a node, as Kafka's server.properties has it. The one place that makes one."""
    host, port, controller_port = links_.listen(node)
    known_host, known_port, _ = links_.advertised(node)
    voters = []
    for i in range(1, state['nodes'] + 1):
        voter_host, _, voter_port = links_.advertised(i)
        voters.append(f'{i}@{voter_host}:{voter_port}')
    copies = min(3, state['nodes'])
    node_dir = os.path.join(state['dir'], str(node))
    config = {
        'process.roles': 'broker,controller',
        'node.id': node,
        'controller.quorum.voters': ','.join(voters),
        'controller.listener.names': 'CONTROLLER',
        'inter.broker.listener.name': 'PLAINTEXT',
        'listeners': f'PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}',
        'advertised.listeners': f'PLAINTEXT://{known_host}:{known_port}',
        'log.dirs': ','.join(f'{node_dir}/data{i or ""}' for i in range(state['log_dirs'])),
        'default.replication.factor': copies,
        'min.insync.replicas': max(1, copies - 1),
        'offsets.topic.replication.factor': copies,
        'transaction.state.log.replication.factor': copies,
        'transaction.state.log.min.isr': max(1, copies - 1),
    }
    if state['kind'] == 'kafka':
        config |= {'share.coordinator.state.topic.replication.factor': copies,
                   'share.coordinator.state.topic.min.isr': max(1, copies - 1),
                   'group.initial.rebalance.delay.ms': 0}
    config |= changes
    return ''.join(f'{key}={value}\n' for key, value in config.items())


def kafka_command(*words):
    return ['java', '-Xmx512m', '-XX:+UseG1GC', f'-Dlog4j2.configurationFile={KAFKA_HOME}/log4j2.xml',
            '-cp', f'{KAFKA_HOME}/libs/*', *words]


def why_no_kafka():
    """None when a Kafka cluster can be started here, else a sentence."""
    if shutil.which('java') is None:
        return 'there is no java on this machine'
    if not os.path.exists(f'{KAFKA_HOME}/.complete'):
        return f'there is no Kafka in {KAFKA_HOME}: `kafka fetch` of the reference brings it'
    return None


def process(pid):
    """State letter and start time, or None when there is no such process."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
            words = f.read().rsplit(')', 1)[1].split()
        return words[0], words[19]
    except OSError:
        return None


class LocalCluster:
    changing_links = threading.Lock()

    def __init__(self, directory):
        self.dir = os.path.abspath(directory)
        try:
            with open(f'{self.dir}/cluster.json', encoding='utf-8') as f:
                self.state = json.load(f)
        except (OSError, ValueError):
            raise Misuse(f'no cluster in {self.dir}; `up` starts one') from None
        self.links = links.KINDS[self.state['links']](self.state)

    @staticmethod
    def up(directory, nodes, *, kind='faultline', links_kind=None, port=19090, binary=None, power=None,
           changes=None, log_dirs=1):
        """Starts `nodes` nodes and waits until each answers. `changes`: configuration keys of every node. `power`: the
        preload library, for power()."""
        directory = os.path.abspath(directory)
        if os.path.exists(f'{directory}/cluster.json'):
            raise Misuse(f'there is a cluster in {directory} already; `status` shows it, `down` ends it')
        if kind == 'kafka' and (why := why_no_kafka()):
            raise Misuse(f'no Kafka cluster: {why}')
        if kind != 'kafka' and not os.access(binary, os.X_OK):
            raise Misuse(f'{binary} is not there; `./dev build` makes it')
        if power and not os.path.exists(power):
            raise Misuse(f'{power} is not there; `./dev build` makes it')
        os.makedirs(directory, exist_ok=True)
        links_kind = links_kind or ('namespaces' if links.namespaces_work() else 'proxy')
        state = {'kind': kind, 'nodes': nodes, 'dir': directory, 'links': links_kind, 'binary': binary,
                 'log_dirs': log_dirs, 'power': power, 'net': links.KINDS[links_kind].choose(port), 'drops': []}
        if kind == 'kafka':
            state['cluster_id'] = subprocess.run(kafka_command('kafka.tools.StorageTool', 'random-uuid'), check=True,
                                                 capture_output=True, text=True).stdout.split()[-1]
        with open(f'{directory}/cluster.json', 'w', encoding='utf-8') as f:
            json.dump(state, f, indent=1)
        self = LocalCluster(directory)
        self.links.up()
        for node in self.numbers():
            os.makedirs(f'{directory}/{node}')
            self.configure(node, changes or {})
        for node in self.numbers():
            self.launch(node)
        for node in self.numbers():
            self.wait(node)
        return self

    def numbers(self):
        return range(1, self.state['nodes'] + 1)

    def check(self, node):
        if node not in self.numbers():
            raise Misuse(f'there is no node {node}; there are 1 to {self.state["nodes"]}')
        return node

    def save(self):
        with open(f'{self.dir}/cluster.tmp', 'w', encoding='utf-8') as f:
            json.dump(self.state, f, indent=1)
        os.rename(f'{self.dir}/cluster.tmp', f'{self.dir}/cluster.json')

    def configure(self, node, changes):
        """Takes effect with the node's next start."""
        with open(f'{self.dir}/{node}/server.properties', 'w', encoding='utf-8') as f:
            f.write(properties(self.state, node, self.links, changes))

    def address(self, i):
        return '%s:%d' % self.links.advertised(i)[:2]

    def bootstrap(self):
        return ','.join(self.address(i) for i in self.numbers())

    # Processes.

    def pid(self, node):
        """None when it does not run. A number that another process got since does not count."""
        try:
            with open(f'{self.dir}/{node}/pid', encoding='ascii') as f:
                pid, started = f.read().split()
        except (OSError, ValueError):
            return None
        try:
            os.waitpid(int(pid), os.WNOHANG)  # our own child, perhaps
        except OSError:
            pass
        found = process(pid)
        return int(pid) if found and found[0] not in 'ZX' and found[1] == started else None

    def running(self, node):
        pid = self.pid(node)
        if pid is None:
            raise Misuse(f'node {node} does not run; `start {node}` starts it')
        return pid

    def paused(self, node):
        pid = self.pid(node)
        return pid is not None and process(pid)[0] in 'Tt'

    def environment(self, node):
        if not self.state['power']:
            return []
        return ['env', f'LD_PRELOAD={self.state["power"]}', f'FL_POWER_CUT_ROOT={self.dir}/{node}',
                f'FL_POWER_CUT_JOURNAL={self.dir}/{node}/unsynced']

    def launch(self, node):
        """Starts the process and does not wait for it."""
        if self.pid(node) is not None:
            raise Misuse(f'node {node} runs already')
        place = f'{self.dir}/{node}'
        if os.path.exists(f'{place}/ended'):
            os.remove(f'{place}/ended')
        with open(f'{place}/log', 'a', encoding='utf-8') as log:
            if self.state['kind'] == 'kafka':
                if not os.path.exists(f'{place}/data/meta.properties'):
                    done = subprocess.run(kafka_command('kafka.tools.StorageTool', 'format', '-t', self.state['cluster_id'],
                                                        '-c', f'{place}/server.properties'), stdout=log, stderr=log)
                    if done.returncode != 0:
                        raise NodeEnded(f'node {node} could not be formatted; see {place}/log')
                daemon = kafka_command('kafka.Kafka', f'{place}/server.properties')
            else:
                daemon = [self.state['binary'], '--config', f'{place}/server.properties']
            child = subprocess.Popen(self.links.command(node, self.environment(node) + daemon), stdout=log, stderr=log,
                                     stdin=subprocess.DEVNULL, start_new_session=True)
        with open(f'{place}/pid', 'w', encoding='ascii') as f:
            f.write(f'{child.pid} {process(child.pid)[1]}')

    def answers(self, node):
        host, port, _ = self.links.listen(node)
        return links.answers(host, port)

    def wait(self, node):
        """Until it accepts clients."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers(node):
            if self.pid(node) is None:
                raise NodeEnded(f'node {node} ended: {self.last_words(node)} ({self.dir}/{node}/log)')
            if time.monotonic() > deadline:
                raise NodeEnded(f'node {node} did not answer within {PATIENCE_S:.0f} s; see {self.dir}/{node}/log')
            time.sleep(0.05)

    def last_words(self, node):
        try:
            with open(f'{self.dir}/{node}/log', encoding='utf-8', errors='replace') as f:
                return (f.read().strip().splitlines() or ['it said nothing'])[-1]
        except OSError:
            return 'it has no log'

    def start(self, node):
        if self.pid(node) is not None:
            raise Misuse(f'node {node} runs already' + (', paused; `resume` continues it' if self.paused(node) else ''))
        self.launch(node)
        self.wait(node)

    def end(self, node, sig, patience_s=PATIENCE_S):
        pid = self.running(node)
        os.kill(pid, sig)
        if sig == signal.SIGTERM and self.paused(node):
            os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + patience_s
        while self.pid(node) is not None:
            if time.monotonic() > deadline:
                raise NodeEnded(f'node {node} (pid {pid}) did not end within {patience_s} s of {signal.Signals(sig).name}')
            time.sleep(0.01)

    def kill(self, node):
        self.end(node, signal.SIGKILL)
        self.note_end(node, 'killed')

    def stop(self, node):
        self.end(node, signal.SIGTERM)
        self.note_end(node, 'stopped')

    def note_end(self, node, how):
        with open(f'{self.dir}/{node}/ended', 'w', encoding='ascii') as f:
            f.write(how)

    def why_ended(self, node):
        try:
            with open(f'{self.dir}/{node}/ended', encoding='ascii') as f:
                return f.read()
        except OSError:
            return 'ended: ' + self.last_words(node)

    def pause(self, node):
        if self.paused(node):
            raise Misuse(f'node {node} is paused already; `resume {node}` continues it')
        os.kill(self.running(node), signal.SIGSTOP)
        self.until_paused(node, True)

    def resume(self, node):
        if not self.paused(node):
            raise Misuse(f'node {node} is not paused')
        os.kill(self.running(node), signal.SIGCONT)
        self.until_paused(node, False)

    def until_paused(self, node, wanted):
        while self.paused(node) != wanted and self.pid(node) is not None:
            time.sleep(0.001)

    def power(self, nodes, *, seed=1, writes='random', names='random'):
        """The power fails for all of `nodes` at once: they die, and their files are as the last syncs left them, more or
        less (power_cut.py). Returns a line for each."""
        if not self.state['power']:
            raise Misuse('these nodes were started without the power_cut library; `up --power` starts them with it')
        for node in nodes:
            os.kill(self.running(node), signal.SIGKILL)
        told = []
        for node in nodes:
            while self.pid(node) is not None:
                time.sleep(0.005)
            self.note_end(node, 'without power')
            place = f'{self.dir}/{node}'
            count = power_cut.cut(place, f'{place}/unsynced', seed + node, writes, names)
            told.append(f'node {node}: {power_cut.describe(count)}')
        return told

    # Links.

    def drops(self):
        return set(map(tuple, self.state['drops']))

    def set_drops(self, new):
        with LocalCluster.changing_links:
            self.replace_drops(new)

    def replace_drops(self, new):
        with open(f'{self.dir}/cluster.json', encoding='utf-8') as f:
            self.state = json.load(f)  # another verb may have been faster
        self.links.set_drops(self.drops(), new)
        self.state['drops'] = sorted(new)
        self.save()

    def cut(self, senders, receivers, both=True):
        """Nothing passes from any of `senders` to any of `receivers` any more; links.CLIENTS is one of them too. Returns
        how many directed pairs that changed."""
        pairs = {(a, b) for a in senders for b in receivers if a != b}
        if both:
            pairs |= {(b, a) for a, b in pairs}
        fresh = pairs - self.drops()
        self.set_drops(self.drops() | fresh)
        return fresh

    def open(self, pairs):
        self.set_drops(self.drops() - set(map(tuple, pairs)))

    # Both.

    def heal(self):
        """Continues what is paused, opens every link, starts what is dead. Returns what it did, a line each."""
        done = []
        for node in self.numbers():
            if self.paused(node):
                self.resume(node)
                done.append(f'node {node} goes on')
        if self.drops():
            self.set_drops(set())
            done.append('all links are open')
        dead = [node for node in self.numbers() if self.pid(node) is None]
        for node in dead:
            self.launch(node)
        for node in dead:
            self.wait(node)
            done.append(f'node {node} is started')
        return done

    def status(self):
        rows = []
        for node in self.numbers():
            pid = self.pid(node)
            if pid is None:
                what = f'does not run ({self.why_ended(node)[:80]})'
            elif self.paused(node):
                what = f'pid {pid} paused'
            else:
                what = f'pid {pid} ' + ('answers' if self.answers(node) else 'does not answer')
            to = ['clients' if b == links.CLIENTS else str(b) for a, b in sorted(self.drops()) if a == node]
            lost = f', cut from {" ".join(to)}' if to else ''
            rows.append('node %d  %s:%d  %s%s' % (node, *self.links.advertised(node)[:2], what, lost))
        return rows

    def down(self, keep=False):
        for node in self.numbers():
            if self.pid(node) is not None:
                self.end(node, signal.SIGKILL)
        self.links.down()
        os.remove(f'{self.dir}/cluster.json')
        if keep:
            return
        for node in self.numbers():
            shutil.rmtree(f'{self.dir}/{node}', ignore_errors=True)
        for name in ('drops.json', 'proxy.log'):
            if os.path.exists(f'{self.dir}/{name}'):
                os.remove(f'{self.dir}/{name}')
        try:
            os.rmdir(self.dir)
        except OSError:
            print(f'{self.dir} is left: there is something in it that no cluster made', file=sys.stderr)
