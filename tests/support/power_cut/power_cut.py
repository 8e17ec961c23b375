#!/usr/bin/python3
"""Takes from files what was not synced when their process died: the second half of power_cut.cpp.

  power_cut.py ROOT JOURNAL [--seed N] [--writes keep|drop|torn|random] [--names keep|drop|random]

ROOT and JOURNAL are what FL_POWER_CUT_ROOT and FL_POWER_CUT_JOURNAL were; the processes must be dead. Prints what happened
in one line; then the journal is empty, since what is left counts as on the disk.

  writes  drop    every change of a file's content or size since its last fsync is undone
          torn    the last of each file is cut at a multiple of 512 bytes, those before it are kept
          random  each for itself is kept, dropped, torn, torn with a sector of garbage, or loses 4 KiB pages
  names   drop    every file made, renamed or removed since its directory's last fsync is as it was before that
          random  a journaling file system: the first so many of these changes are kept, the others undone
"""
import argparse
import collections
import os
import random
import shutil
import struct
import sys

HEAD = struct.Struct('=IIQQQQQQQIIQ')
MARK = 0x74756370
WRITE, TRUNCATE, SYNC, CREATE, MKDIR, RENAME, UNLINK, RMDIR = range(1, 9)
Entry = collections.namedtuple('Entry', 'kind number inode dir other_dir off len size_before path path2 data')
SECTOR, PAGE = 512, 4096


def entries_of(file):
    """A process may have been killed while it wrote the last one: that change was not made."""
    with open(file, 'rb') as f:
        data = f.read()
    at = 0
    while at + HEAD.size <= len(data):
        mark, kind, *numbers, path, path2, extra = HEAD.unpack_from(data, at)
        end = at + HEAD.size + path + path2 + extra
        if mark != MARK or data[end:end + 4] != data[at:at + 4]:
            return
        text = data[at + HEAD.size:end]
        yield Entry(kind, *numbers, os.fsdecode(text[:path]), os.fsdecode(text[path:path + path2]), text[path + path2:])
        at = end + 4


def unsynced(journal):
    """Changes of content by inode, and changes of names, both in order."""
    writes, names = collections.defaultdict(list), []
    files = [f for f in os.listdir(journal) if f.startswith('journal.')]
    for name in sorted(files, key=lambda f: int(f.split('.')[1])):
        number = int(name.split('.')[1])
        for e in entries_of(os.path.join(journal, name)):
            if e.kind == SYNC:
                def held(when, change):
                    # Everything of an earlier process came before.
                    return when < number or change.number <= e.off
                writes[e.inode] = [c for c in writes[e.inode] if not held(*c)]
                names = [c for c in names if c[1].dir != e.inode or not held(*c)]
            elif e.kind in (WRITE, TRUNCATE):
                writes[e.inode].append((number, e))
            else:
                names.append((number, e))
    return {inode: [e for _, e in changes] for inode, changes in writes.items() if changes}, [e for _, e in names]


class Cut:
    def __init__(self, root, journal, seed):
        self.root, self.journal, self.draw = os.path.abspath(root), os.path.abspath(journal), random.Random(seed)
        self.count = collections.Counter()
        # By inode: paths change while names are undone.
        self.files, self.dirs = {}, {}
        for place, dirs, files in os.walk(self.root):
            self.dirs[os.stat(place).st_ino] = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            dirs[:] = [d for d in dirs if os.path.join(place, d) != self.journal]
            for name in files:
                path = os.path.join(place, name)
                self.files[os.lstat(path).st_ino] = path
        for name in os.listdir(self.journal):
            path = os.path.join(self.journal, name)
            if name.startswith('buried.'):
                self.files.setdefault(os.lstat(path).st_ino, path)

    # Content.

    def fate(self, how, last):
        if how == 'torn':
            return 'torn' if last else 'kept'
        return self.draw.choice(('kept', 'dropped', 'torn', 'garbage', 'holes')) if how == 'random' else how

    def lose_writes(self, inode, changes, how):
        path = self.files.get(inode)
        if path is None:
            return  # the process made no file after all, or it is gone for good
        fd = os.open(path, os.O_RDWR)
        done = []
        for e in reversed(changes):
            after = b''
            if e.kind == WRITE:
                after = os.pread(fd, max(0, min(e.len, os.fstat(fd).st_size - e.off)), e.off)
                os.pwrite(fd, e.data, e.off)
                os.ftruncate(fd, e.size_before)
            else:
                os.ftruncate(fd, e.size_before)
                if e.off < e.size_before:
                    os.pwrite(fd, e.data, e.off)
            done.append((e, after))
        done.reverse()
        for i, (e, after) in enumerate(done):
            self.meet(fd, e, after, self.fate(how, i + 1 == len(done)))
        os.close(fd)

    def meet(self, fd, e, after, fate):
        if e.kind == TRUNCATE:
            fate = 'kept' if fate == 'kept' else 'dropped'
            if fate == 'kept':
                os.ftruncate(fd, e.off)
        elif fate == 'kept':
            os.pwrite(fd, after, e.off)
        elif fate == 'holes':
            for at in range(e.off - e.off % PAGE, e.off + len(after), PAGE):
                if self.draw.random() < 0.5:
                    begin, end = max(at, e.off), min(at + PAGE, e.off + len(after))
                    os.pwrite(fd, after[begin - e.off:end - e.off], begin)
        elif fate in ('torn', 'garbage'):
            # At a sector's boundary inside; a write within one sector is there or not.
            cuts = range((e.off // SECTOR + 1) * SECTOR, e.off + len(after), SECTOR)
            if not cuts:
                fate = 'dropped'
            else:
                cut = self.draw.choice(cuts)
                os.pwrite(fd, after[:cut - e.off], e.off)
                if fate == 'garbage':
                    os.pwrite(fd, self.draw.randbytes(min(SECTOR, e.off + len(after) - cut)), cut)
        self.count[fate] += 1

    # Names.

    def undo(self, e):
        """The directory is found by its inode, so that it does not matter how it is called by now."""
        where, name = self.dirs.get(e.dir), os.path.basename(e.path2 if e.kind == RENAME else e.path)
        if where is None:
            return  # lost with a directory above it
        try:
            if e.kind == CREATE:
                os.unlink(name, dir_fd=where)
            elif e.kind == MKDIR:
                shutil.rmtree(f'/proc/self/fd/{where}/{name}')
            elif e.kind == UNLINK and e.data:
                os.link(e.data, name, dst_dir_fd=where)
            elif e.kind == RMDIR:
                os.mkdir(name, dir_fd=where)
                self.dirs[e.inode] = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=where)
            elif e.kind == RENAME and os.stat(name, dir_fd=where).st_ino == e.inode:
                os.rename(name, os.path.basename(e.path), src_dir_fd=where, dst_dir_fd=self.dirs[e.other_dir])
                if e.data:
                    os.link(e.data, name, dst_dir_fd=where)
            else:
                return
            self.count['names'] += 1
        except (FileNotFoundError, FileExistsError, KeyError):
            pass  # the call itself had failed, or the process was killed before it

    def lose(self, how_writes, how_names):
        writes, names = unsynced(self.journal)
        if how_writes != 'keep':
            for inode, changes in writes.items():
                self.lose_writes(inode, changes, {'drop': 'dropped'}.get(how_writes, how_writes))
        if how_names != 'keep':
            kept = self.draw.randint(0, len(names)) if how_names == 'random' else 0
            for e in reversed(names[kept:]):
                self.undo(e)
        for fd in self.dirs.values():
            os.close(fd)
        shutil.rmtree(self.journal)


def cut(root, journal, seed=1, writes='random', names='random'):
    """Returns how many changes met which fate: kept, dropped, torn, garbage, holes; names: of those undone."""
    if not os.path.isdir(journal):
        return collections.Counter()
    what = Cut(root, journal, seed)
    what.lose(writes, names)
    return what.count


def describe(count):
    lost = ', '.join(f'{count[f]} {f}' for f in ('dropped', 'torn', 'garbage', 'holes', 'kept') if count[f])
    return f'unsynced writes: {lost or "none"}; names undone: {count["names"]}'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root')
    parser.add_argument('journal')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--writes', choices=('keep', 'drop', 'torn', 'random'), default='random')
    parser.add_argument('--names', choices=('keep', 'drop', 'random'), default='random')
    options = parser.parse_args()
    if not os.path.isdir(options.journal):
        sys.exit(f'power_cut: no journal in {options.journal}; was FL_POWER_CUT_JOURNAL set?')
    print(describe(cut(options.root, options.journal, options.seed, options.writes, options.names)))
