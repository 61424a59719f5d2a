#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many readers beside pulls.

One pull after the other takes in a tree that changes between them; every
second one is slowed down where it writes, so that its steps lie open for
longer. Meanwhile restores, mounts, ls, snapshots, status and verify run in
loops. Each answer is compared with what was pulled: no reader may fail, see
half a pull, or go back behind what it could have seen. A pull of another
source comes now and then: it is taken in, or refused because the store is
busy. --all runs a hundred pulls.
"""

import json
import os
import subprocess
import sys
import threading
import time

from wall import TOOLS, Wall, remove

SOURCE = "files1"
RIVAL = "files2"
RESTORERS = 8
MOUNTERS = 4
MOUNT_READERS = 4
ALL_PULLS = 100
NO_ANSWERS = ("pull", "refused", "taken in")    # to a reader
# Where a pull writes what readers read, and for how long it halts there,
# before each such system call and behind it.
OPEN_TO_READERS = ["ledger", "ledger/checkpoint", "ledger/leaves-00000000",
                   "ledger/hash-0", "manifests", "packs"]
HALT_US = 10000


def dump(folder):
    """What treedump.py says of a tree, asked in a process of its own: it
    changes directories, and here are threads."""
    return subprocess.run(
        [sys.executable, os.path.join(TOOLS, "treedump.py"), "--no-holes", folder],
        check=True, stdout=subprocess.PIPE).stdout


class Tree:
    """The source: a few hundred files, of which some change."""

    def __init__(self, path, rng, files=200, large=3 << 20):
        self.path, self.rng, self.files, self.large = path, rng, files, large
        for i in range(files):
            self.write(i)

    def name(self, i):
        return os.path.join(self.path, f"{i % 7}", f"{i % 5}", f"file {i}")

    def write(self, i):
        name = self.name(i)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        size = self.rng.randrange(self.large if i % 50 == 0 else 20000)
        with open(name, "wb") as f:
            f.write(self.rng.randbytes(size))

    def change(self):
        for _ in range(self.rng.randrange(1, 12)):
            i = self.rng.randrange(self.files)
            if self.rng.random() < 0.3 and os.path.exists(self.name(i)):
                os.unlink(self.name(i))
            else:
                self.write(i)


class Beside:
    """Pulls and their readers; what is known is what a pull has told."""

    def __init__(self, wall, store, tree, halting=True):
        self.wall, self.store, self.tree = wall, store, tree
        self.may_halt = halting
        self.readers = ([self.restorer] * RESTORERS +
                        [self.mounter] * MOUNTERS +
                        [self.lister, self.asker, self.verifier, self.rival])
        self.lock = threading.Lock()
        self.dumps = []         # of each snapshot, the coming one included
        self.names = []         # of those that a pull has told
        self.done = {}          # how often each reader had its answer
        self.ending = False

    def wrong(self, text):
        with self.lock:
            self.wall.violation(text)
        self.ending = True

    def count(self, what):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1

    def asks(self, *words):
        """Ask the program; what it says, or None and a violation."""
        ran = self.store.do(*words)
        if ran.status != 0 or ran.err:
            self.wrong(f"{ran}")
            return None
        self.count(words[0])
        return ran.out

    # ---- pulls

    def halting(self):
        words = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
                 "-e", "trace=%file,write,pwrite64,fsync",
                 "-e", "inject=%file,write,pwrite64,fsync"
                 f":delay_enter={HALT_US}:delay_exit={HALT_US}"]
        for name in OPEN_TO_READERS:
            words += ["-P", os.path.join(self.store.path, name)]
        return words

    def pull(self, slowly=False):
        self.dumps.append(dump(self.tree.path))
        words = self.store.program("pull", "--json", "--wait", "--source",
                                   SOURCE, self.tree.path)
        told = subprocess.run((self.halting() if slowly else []) + words,
                              env=self.store.env(), check=False,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if told.returncode != 0 or told.stderr:
            self.wrong(f"pull: status {told.returncode}: "
                       f"{told.stderr.decode(errors='replace')}")
            return
        self.names.append(json.loads(told.stdout)["snapshot"])
        self.count("pull")

    def pulls(self):
        while not self.ending:
            self.tree.change()
            self.pull(self.may_halt and len(self.names) % 2 == 1)
            self.ending |= (len(self.names) >= ALL_PULLS
                            if self.wall.options.all else self.wall.over())

    def rival(self, number, rng):
        """Does not wait for the store."""
        source = self.wall.path(f"rival-{number}")
        os.makedirs(source, exist_ok=True)
        with open(os.path.join(source, f"file {rng.randrange(9)}"), "wb") as f:
            f.write(rng.randbytes(rng.randrange(30000)))
        ran = self.store.pull(RIVAL, source)
        if ran.status == 1 and b"[store-busy]" in ran.err:
            self.count("refused")
            time.sleep(rng.random())
        elif ran.status != 0:
            self.wrong(f"{ran}")
        else:
            self.taken_in(json.loads(ran.out)["snapshot"], source)

    def taken_in(self, name, source):
        target = self.wall.path("rival-restored")
        if self.asks("restore", name, "--target", target) is not None:
            if dump(target) != dump(source):
                self.wrong(f"restore {name} gave another tree: {target}")
            remove(target)
        self.count("taken in")

    # ---- readers

    def any_of(self, rng):
        """A snapshot that was told: its name and its tree."""
        i = rng.randrange(len(self.names))
        return self.names[i], self.dumps[i]

    def restorer(self, number, rng):
        target = self.wall.path(f"restored-{number}")
        told = len(self.names)
        name, right = self.any_of(rng)
        latest = rng.random() < 0.5
        what = f"{SOURCE}@latest" if latest else name
        if self.asks("restore", what, "--target", target) is None:
            return
        right = self.dumps[told - 1:] if latest else [right]
        if dump(target) not in right:
            self.wrong(f"restore {what} gave another tree: {target}")
            return
        remove(target)

    def one_of_mount(self, folder, right):
        if dump(folder) not in right:
            self.wrong(f"{folder} is another tree")
        self.count("mount_read")

    def mounter(self, number, rng):
        point = self.wall.path(f"mount-{number}")
        os.makedirs(point, exist_ok=True)
        told = len(self.names)
        if self.asks("mount", point) is None:
            return
        shown = os.path.join(point, SOURCE)
        ask = [(os.path.join(shown, "latest"), self.dumps[told - 1:])]
        for _ in range(MOUNT_READERS - 1):
            i = rng.randrange(told)
            folder = self.names[i].split("@")[1].replace(":", "-")
            ask.append((os.path.join(shown, folder), [self.dumps[i]]))
        threads = [threading.Thread(target=self.guarded,
                                    args=(self.one_of_mount, *a))
                   for a in ask]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        subprocess.run(["umount", point], check=True)

    def lister(self, _, rng):
        name, _ = self.any_of(rng)
        self.asks("ls", "--recursive", "--json", name)
        told = len(self.names)
        out = self.asks("snapshots", "--json")
        if out is None:
            return
        # A pull of another source may have been told to stop, and had ended.
        shown = [s["snapshot"] for s in json.loads(out)["snapshots"]
                 if s["source"] == SOURCE]
        names = list(self.names)
        if not told <= len(shown) <= len(names) + 1 or \
                shown[:len(names)] != names[:len(shown)]:
            self.wrong(f"snapshots shows {shown} instead of {names}")

    def asker(self, *_):
        told = len(self.names)
        out = self.asks("status", "--json")
        if out is not None and json.loads(out)["snapshots"] < told:
            self.wrong(f"status knows less than {told} snapshots: {out}")

    def verifier(self, _, rng):
        words = ["--read-data"] if rng.random() < 0.3 else []
        out = self.asks("verify", "--json", *words)
        # What a pull has sealed and not yet signed is harmless.
        if out is not None and not all(
                f["harmless"] for f in json.loads(out)["findings"]):
            self.wrong(f"verify {words}: {out}")

    # ---- all of it

    def guarded(self, reader, *words):
        try:
            reader(*words)
        except (OSError, ValueError, KeyError,
                subprocess.CalledProcessError) as e:
            self.wrong(f"{reader.__name__}: {e!r}")

    def loop(self, reader, number, rng):
        os.nice(10)             # this thread; or the pulls would starve
        while not self.ending:
            self.guarded(reader, number, rng)

    def run(self):
        self.pull()
        threads = [threading.Thread(
            target=self.loop, args=(r, i, fork(self.wall.random)))
            for i, r in enumerate(self.readers)]
        for t in threads:
            t.start()
        self.pulls()
        for t in threads:
            t.join()


def fork(rng):
    """A generator of a thread's own."""
    return type(rng)(rng.getrandbits(64))


def main():
    wall = Wall("readers", __doc__)
    store = wall.store()
    store.make()
    tree = Tree(wall.path("source"), wall.random)
    beside = Beside(wall, store, tree)
    beside.run()
    wall.end(tried=sum(n for what, n in beside.done.items()
                       if what not in NO_ANSWERS), **beside.done)


if __name__ == "__main__":
    sys.exit(main())
