# SPDX-License-Identifier: Apache-2.0
"""A file system that keeps what was synced, and of the rest what it likes.

The journals of ext4 and xfs are written in order: there any sync makes durable
whatever was done to names before it, in any folder. No standard promises
that. So here the system calls on a folder are logged (strace), and put
together again as if by a file system that promises the least:

- the bytes of a file are durable when that file was synced, as it was then,
- a name is durable, or gone, when the folder that holds it was synced,
- all else may have come through or not, each change for itself; of a write,
  a part,
- what a sync that failed should have written is lost, though it can be read
  until the power goes; a later sync does not write it again.

What the mode and the immutable flag of a file were comes with its bytes.
"""

import fcntl
import filecmp
import os
import random
import re
import struct

from blocklog import SECTOR, fates, tear, windows
from wall import remove

OPENING = ("open", "openat", "creat")
ON_FILES = ("write", "pwrite64", "ftruncate", "fchmod", "ioctl", "fsync",
            "fdatasync")
ON_NAMES = ("mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink",
            "unlinkat", "rmdir")
# Calls that change something as well, and that nobody makes.
OTHERS = ("writev", "pwritev", "pwritev2", "truncate", "fallocate", "link",
          "linkat", "symlink", "symlinkat", "copy_file_range", "sendfile")
LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (\d+)")
FAILED_SYNC = re.compile(r"\d+ +fsync\((.*)\) += -1 EIO .*INJECTED")
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
# A descriptor and where it leads, a string, anything else.
WORD = re.compile(r'(\w+)<([^>]*)>|"([^"]*)"|([^,\s][^,]*)')
FS_IOC_SETFLAGS = 0x40086602
FS_IMMUTABLE_FL = 0x10
LONGEST = 1 << 24               # bytes of a write that strace shows


def unescape(shown):
    """What strace -xx shows as \\x2f\\x61."""
    return bytes.fromhex(shown.replace("\\x", ""))


# ---- what is durable ----

class File:
    """Durable bytes and flag, and what was done since: (offset, bytes), or
    (size, None) where it was cut or grown; and all that was ever done."""

    def __init__(self, mode, data=b"", flag=False):
        self.mode, self.synced, self.pending = mode, data, []
        self.first, self.all = data, []
        self.flag, self.synced_flag = flag, flag

    def clone(self, _):
        one = File(self.mode, self.synced, self.flag)
        one.pending, one.synced_flag = list(self.pending), self.synced_flag
        one.first, one.all = self.first, list(self.all)
        return one

    def change(self, *change):
        self.pending.append(change)
        self.all.append(change)

    def lose(self):
        self.pending = []

    def sync(self):
        self.synced, self.pending = played(self.synced, self.pending), []
        self.synced_flag = self.flag


class Folder:
    """Durable names, names as they are, and what each of those that changed
    has stood for since, None where it was gone."""

    def __init__(self, mode):
        self.mode, self.synced, self.names, self.since = mode, {}, {}, {}

    def clone(self, done):
        one = Folder(self.mode)
        one.synced = {n: cloned(node, done) for n, node in self.synced.items()}
        one.names = {n: cloned(node, done) for n, node in self.names.items()}
        one.since = {n: [node and cloned(node, done) for node in nodes]
                     for n, nodes in self.since.items()}
        return one

    def set(self, name, node):
        if node:
            self.names[name] = node
        else:
            del self.names[name]
        self.since.setdefault(name, []).append(node)

    def lose(self):
        """Names are in a journal, which is written or stops."""

    def sync(self):
        self.synced, self.since = dict(self.names), {}


def cloned(node, done):
    """One node for one node, whatever names lead to it."""
    if id(node) not in done:
        done[id(node)] = node.clone(done)
    return done[id(node)]


def played(data, changes):
    data = bytearray(data)
    for at, new in changes:
        if len(data) < at:
            data += bytes(at - len(data))
        if new is None:
            del data[at:]
        else:
            data[at:at + len(new)] = new
    return bytes(data)


def do(top, call, path, *more):
    """One call on the folder top."""
    if call in ("write", "mode", "flag", "lost", "sync"):
        node = find(top, path)
        if call == "write":
            node.change(*more)
        elif call == "mode":
            node.mode = more[0]
        elif call == "flag":
            node.flag = True
        elif call == "lost":
            node.lose()
        else:
            node.sync()
        return
    folder, name = find(top, path[:-1]), path[-1]
    if call == "file":
        folder.set(name, File(*more))
    elif call == "folder":
        folder.set(name, Folder(*more))
    elif call == "gone":
        folder.set(name, None)
    else:
        node, to = folder.names[name], more[0]
        folder.set(name, None)
        find(top, to[:-1]).set(to[-1], node)


def find(top, path):
    for name in path:
        top = top.names[name]
    return top


# ---- what comes through ----

class Everything:
    def names(self, folder):
        return folder.names

    def bytes(self, file):
        return played(file.first, file.all)

    def flag(self, file):
        return file.flag


class Durable:
    def names(self, folder):
        return folder.synced

    def bytes(self, file):
        return file.synced

    def flag(self, file):
        return file.synced_flag


class Chance:
    """Of the changes that are not durable some came through, or all but
    one, or one alone."""

    def __init__(self, seed, changes):
        self.rng = random.Random(seed)
        self.share = self.rng.choice((0.1, 0.5, 0.9))
        self.most = self.rng.random() < 0.5
        self.odd = self.rng.randrange(changes) if changes else 0
        self.some, self.at = self.rng.random() < 0.4, 0

    def kept(self):
        """Whether the next change came through."""
        self.at += 1
        if self.some:
            return self.rng.random() < self.share
        return self.most != (self.at - 1 == self.odd)

    def names(self, folder):
        found = dict(folder.synced)
        for name, nodes in sorted(folder.since.items()):
            if self.kept():
                found[name] = self.rng.choice(nodes)
        return {name: node for name, node in found.items() if node}

    def bytes(self, file):
        if not file.pending or not self.kept():
            return file.synced
        changes = []
        for (at, new), fate in zip(file.pending,
                                   fates(self.rng, len(file.pending))):
            if fate == "kept" or not self.some:
                changes.append((at, new))
            elif fate == "torn" and new:
                changes += tear(self.rng, at, new, SECTOR)
        return played(file.synced, changes)

    def flag(self, file):
        return (file.flag if file.flag != file.synced_flag and self.kept()
                else file.synced_flag)


def changes(node, seen):
    """How many there are, in and below a node, that are not durable."""
    if node in seen:
        return 0
    seen.add(node)
    if isinstance(node, File):
        return bool(node.pending) + (node.flag != node.synced_flag)
    below = [*node.synced.values(), *node.names.values(),
             *(one for nodes in node.since.values() for one in nodes if one)]
    return len(node.since) + sum(changes(one, seen) for one in below)


def build(top, path, chosen):
    """Make what the choice leaves of a folder. A file that has two names is
    one file, and gets its flag when it has both."""
    paths = {}
    build_node(top, path, chosen, paths)
    for node, made in paths.items():
        if chosen.flag(node):
            set_immutable(made)


def build_node(node, path, chosen, paths):
    if isinstance(node, Folder):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, node.mode)
        for name, below in chosen.names(node).items():
            build_node(below, os.path.join(path, name), chosen, paths)
    elif node in paths:
        os.link(paths[node], path)
    else:
        paths[node] = path
        with open(path, "wb") as f:
            f.write(chosen.bytes(node))
        os.chmod(path, node.mode)


def set_immutable(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", FS_IMMUTABLE_FL))
    finally:
        os.close(fd)


def adopt(path):
    """A real folder, all of it durable."""
    top = Folder(0o755)
    for name in os.listdir(path):
        below = os.path.join(path, name)
        if os.path.isdir(below):
            top.names[name] = adopt(below)
        else:
            with open(below, "rb") as f:
                top.names[name] = File(os.stat(below).st_mode & 0o777,
                                       f.read())
    top.sync()
    return top


class Some:
    """Power went within a window, as often as not at its end, and took some
    of what was not synced."""

    def __init__(self, rng, window):
        self.cut = window.begin + 1 + (
            rng.randrange(len(window.writes) + 1) if rng.random() < 0.5
            else len(window.writes))
        self.seed = rng.getrandbits(64)

    def __str__(self):
        return f"some of what was not synced before entry {self.cut} lost"

    def choose(self, top, _):
        return Chance(self.seed, changes(top, set()))


class Alone:
    """Power took all that was not synced, but for the last call."""

    def __init__(self, cut):
        self.cut = cut

    def __str__(self):
        return f"entry {self.cut - 1} came through alone"

    def choose(self, top, entry):
        call, path, *more = entry
        if call == "flag":
            find(top, path).synced_flag = True
        else:
            for one in (path, *more) if call == "name" else (path,):
                folder, name = find(top, one[:-1]), one[-1]
                folder.synced.pop(name, None)
                if name in folder.names:
                    folder.synced[name] = folder.names[name]
        return Durable()


class Tape:
    """A folder at point, the calls on which are logged until the end; then
    the folder as a power cut could have left it, at point again."""

    keeps_flags = False         # unless the file is synced after

    def __init__(self, name, folder, first=None):
        """Begins with nothing, or with the files of the folder first."""
        self.name = name
        self.point = os.path.join(folder, "mnt")
        self.trace = os.path.join(folder, "trace")
        self.entries, self.first = [], Folder(0o755)
        self.read_to = 0            # of the trace
        self.begun = {}             # what was read of calls of each thread
        self.sizes = {}             # of the files that there are by now
        self.offsets = {}           # of descriptors; None: at the end
        os.makedirs(folder)
        with open(self.trace, "wb"):
            pass
        if first:
            self.first = adopt(first)
        build(self.first, self.point, Durable())
        self.add_sizes(self.first, ())
        self.rewind()

    def add_sizes(self, folder, path):
        for name, node in folder.names.items():
            if isinstance(node, File):
                self.sizes[*path, name] = len(node.synced)
            else:
                self.add_sizes(node, (*path, name))

    # -- to log --

    def command(self, words, inject=None):
        """The words with which to run a command. inject: what becomes of
        which of its fsyncs, as strace says it."""
        inject = ["-e", f"inject=fsync:{inject}"] if inject else []
        calls = OPENING + ON_FILES + ON_NAMES + OTHERS
        return ["strace", "-f", "-qq", "-y", "-xx", "-s", str(LONGEST),
                "-A", "-o", self.trace, "-e", "trace=" + ",".join(calls),
                *inject, *words]

    def count(self):
        """Entries so far."""
        with open(self.trace, encoding="ascii") as f:
            f.seek(self.read_to)
            for line in f.read().splitlines():
                self.read_line(line)
            self.read_to = f.tell()
        return len(self.entries)

    def read_line(self, line):
        """One that another thread's call has cut in two is put together. A
        call that failed has no number at its end."""
        resumed = RESUMED.match(line)
        if line.endswith(UNFINISHED):
            self.begun[line.split()[0]] = line.removesuffix(UNFINISHED)
            return
        if resumed:
            line = self.begun.pop(resumed[1]) + resumed[2]
        match, failed = LINE.match(line), FAILED_SYNC.match(line)
        if match and "(deleted)" not in line:
            self.read(*match.groups())
        if failed:
            self.read_failed(WORD.match(failed[1])[2])

    def read(self, call, words, result):
        words = [m.groups("") for m in WORD.finditer(words)]
        if call in ON_FILES:
            target = self.below(unescape(words[0][1]))
            if target is not None:
                self.read_file(call, target, words, int(result))
            return
        paths = [p for p in self.paths(words) if p is not None]
        if not paths:
            return
        if call in OPENING:
            self.read_open(paths[0], words[-2:], int(result))
        elif call.startswith("mkdir"):
            self.entry("folder", paths[0], int(words[-1][3], 8))
        elif call.startswith("rename") and len(paths) == 2:
            self.entry("name", *paths)
        elif call.startswith(("unlink", "rmdir")):
            self.entry("gone", paths[0])
        else:
            raise ValueError(f"{call} is not expected below {self.point}")

    def read_failed(self, path):
        path = self.below(unescape(path))
        if path is not None:
            self.entry("lost", path)

    def paths(self, words):
        """A string is a path, below the descriptor before it if there is
        one."""
        folder = b"/"
        for _, descriptor, string, _ in words:
            if descriptor:
                folder = unescape(descriptor)
            elif string:
                yield self.below(os.path.join(folder, unescape(string)))
                folder = b"/"

    def below(self, path):
        """As a tuple of names below point; None if it is elsewhere."""
        path = os.path.normpath(path.decode())
        if path != self.point and not path.startswith(self.point + "/"):
            return None
        return tuple(path[len(self.point):].split("/")[1:])

    def read_open(self, path, words, descriptor):
        flags = next(w[3] for w in words if w[3].startswith("O_")).split("|")
        self.offsets[descriptor] = None if "O_APPEND" in flags else 0
        if "O_CREAT" in flags and path not in self.sizes:
            self.entry("file", path, int(words[-1][3], 8))
        if "O_TRUNC" in flags:
            self.entry("write", path, 0, None)

    def read_file(self, call, path, words, result):
        number = int(words[0][0])
        if call == "write":
            at = self.offsets[number]
            self.entry("write", path, self.sizes[path] if at is None else at,
                       unescape(words[1][2])[:result])
            if at is not None:
                self.offsets[number] += result
        elif call == "pwrite64":
            self.entry("write", path, int(words[-1][3]),
                       unescape(words[1][2])[:result])
        elif call == "ftruncate":
            self.entry("write", path, int(words[1][3]), None)
        elif call == "fchmod":
            self.entry("mode", path, int(words[1][3], 8))
        elif call == "ioctl":
            if words[1][3] == "FS_IOC_SETFLAGS":
                self.entry("flag", path)
        else:
            self.entry("sync", path)

    def entry(self, call, path, *more):
        self.entries.append((call, path, *more))
        if call == "file":
            self.sizes[path] = 0
        elif call == "write":
            at, data = more
            self.sizes[path] = (at if data is None else
                                max(self.sizes[path], at + len(data)))
        elif call == "gone":
            self.sizes.pop(path, None)
        elif call == "name":
            self.sizes[more[0]] = self.sizes.pop(path)

    def end(self):
        """No more is done. Doing all of it again gives what is there."""
        self.count()
        top = self.first.clone({})
        for entry in self.entries:
            do(top, *entry)
        again = self.point + "-again"
        build(top, again, Everything())
        if not same(filecmp.dircmp(self.point, again, ignore=[], hide=[])):
            raise ValueError(f"{self.trace} is not all that happened")
        remove(again)
        self.unmount()
        os.unlink(self.trace)

    # -- to play --

    def windows(self):
        return windows(self.entries, lambda entry: entry[0] == "sync")

    def rewind(self):
        self.at, self.top = 0, self.first.clone({})

    def forward(self, window):
        """On to when a window began."""
        for entry in self.entries[self.at:window.begin + 1]:
            do(self.top, *entry)
        self.at = window.begin + 1

    def lose(self, rng, window):
        return Some(rng, window)

    def edges(self, window):
        """What to try of a window in any case: nothing came through of it,
        or one of its calls that is as good as a promise."""
        return [None] + [
            Alone(i + 1) for i in range(window.begin + 1, window.end)
            if self.entries[i][0] in ("name", "gone", "flag")]

    def keep(self, path, loss, _):
        """What a loss leaves."""
        top, chosen = self.top, Durable()
        if loss:
            top = top.clone({})
            for entry in self.entries[self.at:loss.cut]:
                do(top, *entry)
            chosen = loss.choose(top, self.entries[loss.cut - 1])
        build(top, path, chosen)

    def mount(self, loss, coarse):
        self.keep(self.point, loss, coarse)

    def unmount(self):
        remove(self.point)
        os.makedirs(self.point)

    def broken(self):
        """This file system itself does not break."""
        return False


def same(found):
    """Whether two folders hold the same names and bytes."""
    _, differ, failed = filecmp.cmpfiles(
        found.left, found.right, found.common_files, shallow=False)
    return not (found.left_only or found.right_only or found.common_funny
                or differ or failed
                ) and all(map(same, found.subdirs.values()))
