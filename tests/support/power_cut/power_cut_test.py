#!/usr/bin/python3
"""What was synced stays, what was not is dropped: the preload layer against programs that write.

  power_cut_test.py LIBRARY       (each program is Python, whose os module calls libc as any daemon does)
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import power_cut

LIBRARY = ''
PRELUDE = '''
import os, signal
def die(): os.kill(os.getpid(), signal.SIGKILL)
def put(name, data, off=0, flags=os.O_CREAT | os.O_RDWR):
    fd = os.open(name, flags, 0o644); os.pwrite(fd, data, off); return fd
def sync_dir(name='.'):
    fd = os.open(name, os.O_RDONLY); os.fsync(fd); os.close(fd)
'''


class PowerCut(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='power-cut-test-')
        self.root, self.journal = f'{self.dir}/data', f'{self.dir}/data/unsynced'
        os.mkdir(self.root)

    def tearDown(self):
        shutil.rmtree(self.dir)

    def run_program(self, text):
        """Runs it below the root until it kills itself."""
        env = {**os.environ, 'LD_PRELOAD': LIBRARY, 'FL_POWER_CUT_ROOT': self.root, 'FL_POWER_CUT_JOURNAL': self.journal}
        program = '\n'.join([PRELUDE, *(line.strip(' ') for line in text.strip().splitlines())])
        done = subprocess.run(['/usr/bin/python3', '-c', program + '\ndie()'], env=env, cwd=self.root, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, -9, done.stderr.decode())

    def cut(self, writes='drop', names='drop', seed=1):
        return power_cut.cut(self.root, self.journal, seed, writes, names)

    def tree(self):
        found = {}
        for place, dirs, files in os.walk(self.root):
            dirs[:] = [d for d in dirs if d != 'unsynced']
            for name in dirs:
                found[os.path.relpath(os.path.join(place, name), self.root) + '/'] = None
            for name in files:
                with open(os.path.join(place, name), 'rb') as f:
                    found[os.path.relpath(os.path.join(place, name), self.root)] = f.read()
        return found

    def test_what_was_synced_stays_and_what_came_after_is_dropped(self):
        self.run_program('''
            fd = put('log', b'synced'); os.fdatasync(fd); sync_dir()
            os.pwrite(fd, b' and lost', 6)
            os.pwrite(fd, b'S', 0)
        ''')
        self.assertEqual(self.tree(), {'log': b'Synced and lost'})
        self.assertEqual(self.cut()['dropped'], 2)
        self.assertEqual(self.tree(), {'log': b'synced'})
        self.assertFalse(os.path.exists(self.journal))

    def test_a_killed_process_alone_loses_nothing(self):
        self.run_program("put('log', b'in the page cache')")
        self.cut('keep', 'keep')
        self.assertEqual(self.tree(), {'log': b'in the page cache'})

    def test_every_way_to_write_is_seen(self):
        self.run_program('''
            fd = put('log', b'0123456789'); os.fsync(fd); sync_dir()
            os.pwritev(fd, [b'ab', b'cd'], 1)
            os.lseek(fd, 5, os.SEEK_SET); os.write(fd, b'WW'); os.writev(fd, [b'v', b'V'])
            end = os.open('log', os.O_WRONLY | os.O_APPEND); os.write(end, b'appended')
            copy = os.dup(end); os.write(copy, b'!'); os.dup2(copy, 50); os.write(50, b'?')
            os.posix_fallocate(fd, 0, 64)
        ''')
        self.assertEqual(self.tree()['log'][:20], b'0abcdWWvV9appended!?')
        self.assertEqual(len(self.tree()['log']), 64)
        self.assertEqual(self.cut()['dropped'], 7)
        self.assertEqual(self.tree(), {'log': b'0123456789'})

    def test_a_sync_of_one_file_is_not_one_of_another(self):
        self.run_program('''
            a = put('a', b'a'); b = put('b', b'b'); os.fsync(a); sync_dir()
        ''')
        self.cut()
        self.assertEqual(self.tree(), {'a': b'a', 'b': b''})

    def test_sizes_come_back(self):
        self.run_program('''
            fd = put('log', b'x' * 1000); os.fsync(fd); sync_dir()
            os.ftruncate(fd, 10); os.pwrite(fd, b'new', 10); os.ftruncate(fd, 5000)
            other = put('other', b'whole'); os.fsync(other); sync_dir()
            os.open('other', os.O_WRONLY | os.O_TRUNC)
        ''')
        self.assertEqual(self.tree()['other'], b'')
        self.cut()
        self.assertEqual(self.tree(), {'log': b'x' * 1000, 'other': b'whole'})

    def test_a_file_written_through_needs_no_sync(self):
        self.run_program('''
            put('log', b'through', flags=os.O_CREAT | os.O_WRONLY | os.O_DSYNC); sync_dir()
        ''')
        self.cut()
        self.assertEqual(self.tree(), {'log': b'through'})

    def test_names_come_back_that_were_not_synced(self):
        self.run_program('''
            for name in ('kept', 'renamed', 'removed', 'target'): os.fsync(put(name, name.encode()))
            os.mkdir('dir'); os.fsync(put('dir/inside', b'i')); sync_dir('dir'); sync_dir()
            os.rename('renamed', 'elsewhere'); os.rename('kept', 'target'); os.unlink('removed')
            os.fsync(put('new', b'synced, but who knows its name'))
            os.unlink('dir/inside'); os.rmdir('dir'); os.mkdir('fresh'); os.fsync(put('fresh/x', b'')); sync_dir('fresh')
        ''')
        self.assertEqual(set(self.tree()), {'elsewhere', 'target', 'new', 'fresh/', 'fresh/x'})
        self.cut()
        self.assertEqual(self.tree(), {'kept': b'kept', 'renamed': b'renamed', 'removed': b'removed', 'target': b'target',
                                       'dir/': None, 'dir/inside': b'i'})

    def test_names_stay_whose_directory_was_synced(self):
        self.run_program('''
            os.fsync(put('file.tmp', b'new')); os.fsync(put('file', b'old')); sync_dir()
            os.rename('file.tmp', 'file'); os.unlink('nothing') if os.path.exists('nothing') else None
            sync_dir()
        ''')
        self.cut()
        self.assertEqual(self.tree(), {'file': b'new'})

    def test_the_root_is_a_directory_as_any(self):
        self.run_program("os.mkdir('dir'); sync_dir(os.getcwd()); os.mkdir('lost')")
        self.cut()
        self.assertEqual(self.tree(), {'dir/': None})

    def test_a_renamed_directory_keeps_what_is_in_it(self):
        self.run_program('''
            os.mkdir('a'); os.fsync(put('a/x', b'x')); sync_dir('a'); sync_dir()
            put('a/y', b'y'); os.rename('a', 'b'); sync_dir()
        ''')
        self.cut()
        self.assertEqual(self.tree(), {'b/': None, 'b/x': b'x'})

    def test_a_second_process_loses_what_the_first_did_not_sync(self):
        self.run_program("fd = put('log', b'one'); os.fsync(fd); sync_dir(); os.pwrite(fd, b'two', 3)")
        self.run_program("fd = put('log', b'three', 6, os.O_RDWR)")
        self.cut()
        self.assertEqual(self.tree(), {'log': b'one'})

    def test_a_second_process_syncs_for_the_first(self):
        self.run_program("fd = put('log', b'one'); sync_dir(); os.pwrite(fd, b'two', 3)")
        self.run_program("fd = put('log', b'three', 6, os.O_RDWR); os.fsync(fd); os.pwrite(fd, b'four', 11)")
        self.cut()
        self.assertEqual(self.tree(), {'log': b'onetwothree'})

    def test_a_failed_call_changes_nothing(self):
        self.run_program('''
            os.fsync(put('log', b'log')); sync_dir()
            def fails(call, *words):
            \ttry: call(*words)
            \texcept OSError: return
            \traise SystemExit(f'{words} worked')
            fails(os.open, 'none', os.O_RDWR); fails(os.open, 'none/x', os.O_CREAT | os.O_RDWR); fails(os.rename, 'none', 'log')
            fails(os.unlink, 'none'); fails(os.mkdir, 'log'); fails(os.rmdir, 'log'); fails(os.unlink, '.')
        ''')
        self.cut()
        self.assertEqual(self.tree(), {'log': b'log'})

    def test_a_forced_tear_cuts_the_last_write_at_a_sector(self):
        self.run_program('''
            fd = put('log', b'h'); os.fsync(fd); sync_dir(); os.pwrite(fd, b'a' * 4000, 1); os.pwrite(fd, b'b' * 4000, 4001)
        ''')
        self.cut('torn')
        left = self.tree()['log']
        self.assertTrue(left.startswith(b'h' + b'a' * 4000))
        self.assertLess(4001, len(left))
        self.assertLess(len(left), 8001)
        self.assertEqual(len(left) % 512, 0)

    def test_random_fates_follow_the_seed(self):
        self.run_program('''
            fd = put('log', b''); os.fsync(fd); sync_dir()
            for i in range(40): os.pwrite(fd, bytes([i + 1]) * 3000, i * 3000)
            for i in range(10): put(f'new{i}', b'')
        ''')
        seen = set()
        for seed in (1, 1, 2, 3, 4):
            again = f'{self.dir}/again{len(os.listdir(self.dir))}'
            subprocess.run(['cp', '-a', self.root, again], check=True)
            # A copy has other inodes: the journal's are mapped by name.
            moved = {os.stat(f'{self.root}/{n}').st_ino: os.stat(f'{again}/{n}').st_ino for n in os.listdir(self.root)}
            moved[os.stat(self.root).st_ino] = os.stat(again).st_ino
            count = self.copied_cut(again, moved, seed)
            self.assertEqual(sum(count[f] for f in ('kept', 'dropped', 'torn', 'garbage', 'holes')), 40)
            with open(f'{again}/log', 'rb') as f:
                seen.add((seed, f.read(), tuple(sorted(os.listdir(again)))))
        self.assertEqual(len(seen), 4)
        self.assertEqual(len({data for _, data, _ in seen}), 4)

    def copied_cut(self, root, moved, seed):
        read = power_cut.entries_of
        power_cut.entries_of = lambda file: (e._replace(inode=moved.get(e.inode, e.inode), dir=moved.get(e.dir, e.dir))
                                             for e in read(file))
        try:
            return power_cut.cut(root, f'{root}/unsynced', seed, 'random', 'random')
        finally:
            power_cut.entries_of = read

    def test_random_programs_keep_what_they_synced(self):
        """Against a model: content and names as of each one's last sync."""
        for seed in range(12):
            draw = random.Random(seed)
            shutil.rmtree(self.root)
            os.mkdir(self.root)
            lines, now, names, durable = [], {}, {}, {}
            for _ in range(60):
                name, what = f'f{draw.randrange(5)}', draw.choice(('write', 'write', 'cut', 'sync', 'sync_dir', 'rename', 'unlink'))
                if name not in names and what != 'sync_dir':
                    names[name] = file = len(now)
                    now[file] = [b'', b'']
                    lines.append(f"fd{file} = put('{name}', b'')")
                file = names.get(name)
                if what == 'write':
                    off = draw.randrange(2000)
                    data = bytes([draw.randrange(1, 256)]) * draw.randrange(1, 3000)
                    now[file][0] = now[file][0].ljust(off, b'\0')[:off] + data + now[file][0][off + len(data):]
                    lines.append(f'os.pwrite(fd{file}, bytes([{data[0]}]) * {len(data)}, {off})')
                elif what == 'cut':
                    size = draw.randrange(3000)
                    now[file][0] = now[file][0].ljust(size, b'\0')[:size]
                    lines.append(f'os.ftruncate(fd{file}, {size})')
                elif what == 'sync':
                    now[file][1] = now[file][0]
                    lines.append(f'os.fdatasync(fd{file})')
                elif what == 'sync_dir':
                    durable = dict(names)
                    lines.append('sync_dir()')
                elif what == 'rename':
                    to = f'f{draw.randrange(5)}'
                    if to != name:
                        names[to] = names.pop(name)
                        lines.append(f"os.rename('{name}', '{to}')")
                else:
                    del names[name]
                    lines.append(f"os.unlink('{name}')")
            self.run_program('\n'.join(lines))
            self.assertEqual(self.tree(), {n: now[f][0] for n, f in names.items()}, f'seed {seed} before')
            self.cut()
            self.assertEqual(self.tree(), {n: now[f][1] for n, f in durable.items()}, f'seed {seed}')


if __name__ == '__main__':
    LIBRARY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else sys.exit(__doc__)
    unittest.main()
