#!/usr/bin/python3
"""./dev cluster itself: processes, links of both kinds, misuse. Its daemons are echo_node.py, so that only the tool is tested."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

import links

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 24000 + os.getpid() % 4000


class Tool(unittest.TestCase):
    kind = 'proxy'

    @classmethod
    def setUpClass(cls):
        if cls.kind == 'namespaces' and not links.namespaces_work():
            raise unittest.SkipTest('no network namespaces here: needs root, iproute2 and a kernel with bridge and veth')
        cls.dir = tempfile.mkdtemp(prefix='cluster-test-')
        os.mkdir(f'{cls.dir}/bin')
        shutil.copy(f'{HERE}/echo_node.py', f'{cls.dir}/bin/faultlined')
        cls.say(cls, 'up', '3', '--bin', f'{cls.dir}/bin', '--links', cls.kind, '--port', str(PORT))

    @classmethod
    def tearDownClass(cls):
        cls.say(cls, 'down')
        shutil.rmtree(cls.dir)

    def tearDown(self):
        self.say('heal')

    def tool(self, *words):
        return subprocess.run([sys.executable, f'{HERE}/cluster.py', '--dir', f'{self.dir}/state', *words], text=True,
                              capture_output=True, timeout=60)

    def say(self, *words):
        done = Tool.tool(self, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, code, text, *words):
        done = self.tool(*words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def address(self, node):
        host, port = self.say('bootstrap').strip().split(',')[node - 1].split(':')
        return host, int(port)

    def talk(self, node, line):
        """What a client is told by a node; 'silence' after two seconds."""
        try:
            with socket.create_connection(self.address(node), 2) as s:
                s.sendall((line + '\n').encode())
                return s.makefile().readline().strip()
        except TimeoutError:
            return 'silence'
        except OSError as e:
            return type(e).__name__

    def between(self, one, other):
        return self.talk(one, 'ask %s %d' % self.address(other))

    def test_nodes_reach_each_other_and_are_what_they_say(self):
        for one in (1, 2, 3):
            self.assertEqual(self.talk(one, 'who'), str(one))
            for other in (1, 2, 3):
                self.assertEqual(self.between(one, other), str(other))

    def test_a_cut_is_silent_between_nodes_and_clients_still_pass(self):
        self.say('cut', '1')
        self.assertEqual(self.between(1, 2), 'silence')
        self.assertEqual(self.between(3, 1), 'silence')
        self.assertEqual(self.between(2, 3), '3')
        self.assertEqual(self.talk(1, 'who'), '1')
        self.assertIn('node 1', self.say('status').splitlines()[0])
        self.assertIn('cut from 2 3', self.say('status').splitlines()[0])
        self.refused(2, 'is cut there already', 'cut', '1')
        self.assertIn('all links are open', self.say('heal'))
        self.assertEqual(self.between(1, 2), '2')

    def test_a_cut_of_one_link_leaves_the_others(self):
        self.say('cut', '1', '2')
        self.assertEqual(self.between(2, 1), 'silence')
        self.assertEqual(self.between(1, 3), '3')
        self.assertEqual(self.between(2, 3), '3')

    def test_a_cut_from_everything_is_silent_for_clients_too(self):
        self.say('cut', '2', '--all')
        self.assertEqual(self.talk(2, 'who'), 'silence')
        self.assertEqual(self.between(1, 2), 'silence')
        self.assertEqual(self.between(1, 3), '3')

    def test_kill_pause_and_start(self):
        self.assertIn('paused', self.say('pause', '2'))
        self.refused(2, 'paused already', 'pause', '2')
        self.refused(2, 'runs already, paused', 'start', '2')
        self.assertIn('answers', self.say('resume', '2'))
        self.refused(2, 'is not paused', 'resume', '2')
        self.assertIn('does not run', self.say('kill', '2'))
        self.refused(2, 'does not run', 'kill', '2')
        self.assertIn(self.between(1, 2), ('ConnectionRefusedError', 'ConnectionResetError'))
        self.assertIn('answers', self.say('start', '2'))
        self.assertEqual(self.between(1, 2), '2')
        self.assertIn('answers', self.say('restart', '3'))
        self.assertIn('nothing to heal', self.say('heal'))

    def test_heal_brings_everything_back(self):
        self.say('kill', '1')
        self.say('pause', '2')
        self.say('cut', '3', '--all', '--one-way')
        self.assertEqual(len(self.say('heal').splitlines()), 3)
        for row in self.say('status').splitlines()[:3]:
            self.assertTrue(row.endswith('answers'), row)

    def test_a_program_speaks_through_pipes(self):
        where = f'{self.dir}/served'
        tool = subprocess.Popen([sys.executable, f'{HERE}/cluster.py', '--dir', where, 'serve'], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

        def ask(text):
            tool.stdin.write(text + '\n')
            tool.stdin.flush()
            return tool.stdout.readline().strip()

        self.assertRegex(ask(f'1 up 2 --bin {self.dir}/bin --links {self.kind} --port {PORT + 200}'), '^1 0 .*bootstrap=')
        self.assertEqual(ask('2 drop 1>2,2>0'), '2 0')
        self.assertRegex(ask('3 status'), '^3 0 node 1 .*cut from 2; node 2 .* cut from clients; ')
        self.assertRegex(ask('4 kill 2'), '^4 0 node 2 .*does not run')
        self.assertEqual(ask('5 launch 2'), '5 0')
        self.assertRegex(ask('6 kill 9'), '^6 2 cluster: there is no node 9')
        tool.stdin.close()
        self.assertEqual(tool.wait(30), 0)
        tool.stdout.close()
        self.refused(2, 'no cluster in', '--dir', where, 'status')

    def test_misuse_is_told_in_one_line(self):
        self.refused(2, 'there is no node 4; there are 1 to 3', 'kill', '4')
        self.refused(2, 'invalid choice', 'frob')
        self.refused(2, 'required: node', 'kill')
        self.refused(2, 'no link to itself', 'cut', '2', '2')
        self.refused(2, 'there is a cluster in', 'up', '3')
        self.refused(2, '1 to 9 nodes', '--dir', f'{self.dir}/none', 'up', '12')
        self.refused(2, 'not KEY=VALUE', '--dir', f'{self.dir}/none', 'up', '1', '--set', 'x')
        self.refused(2, 'no cluster in', '--dir', f'{self.dir}/none', 'status')
        self.refused(2, './dev build', '--dir', f'{self.dir}/none', 'up', '1', '--bin', '/nowhere')

    def test_a_daemon_that_ends_is_told_with_its_last_words(self):
        self.refused(1, 'node 1 ended: server.properties:1: end', '--dir', f'{self.dir}/other', 'up', '1', '--bin',
                     f'{self.dir}/bin', '--links', self.kind, '--port', str(PORT + 100), '--set', 'end=at once')
        self.refused(2, 'no cluster in', '--dir', f'{self.dir}/other', 'status')


class ToolInNamespaces(Tool):
    kind = 'namespaces'


if __name__ == '__main__':
    unittest.main()
