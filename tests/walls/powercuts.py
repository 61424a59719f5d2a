#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store on a disk that loses power.

A store is made, and pulled into several times, on a disk whose writes are
logged (blocklog.py). Then a disk is put together for each moment at which the
power could have gone: as it was at each flush, and with a random part of what
was written between two flushes, sectors torn out of writes among it. Each of
them is mounted, and what must hold is:

- it can be mounted: the file system keeps its word,
- it is no store yet, and says so, or the invariants' checker is content,
- all snapshots that were told are there, no other than were made, in order,
  and each of them restores to what the source was,
- the next pull is told, and restores; nothing is left in incoming/, and the
  checker is content again.
"""

import collections
import concurrent.futures
import ctypes
import fcntl
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import threading
import time

import blocklog
import calllog
from blocklog import FileSystem
from wall import Store, Wall, copy, dump, remove, run

MIB = 1 << 20
SUBSETS = 200                   # of each file system
UNMOUNTABLE = "it cannot be mounted"
KEPT = 3                        # states of what went wrong
LAST_FSYNC = 40                 # of a pull into a store with a past, or more
KILLED = "signal=KILL:when={}"  # before an fsync
FAILED = "error=EIO:when={}"    # it
TURNS = (256, 4096)             # leaves: a new hash-1, a new leaves file
LEAF_PACK = b"\x05\0"
FS_IOC_GETFLAGS = 0x80086601
FS_IMMUTABLE_FL = 0x10
OLD = 1_700_000_000             # a time like any other
SETTLED = 3.1                   # seconds: times so old may be trusted
SYSTEMS = (
    # A rename over a file does not write the new one out on its own.
    FileSystem(
        "ext4", 128 * MIB,
        ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E",
         "lazy_itable_init=0,lazy_journal_init=0"],
        ["e2fsck", "-f", "-n"], "loop,noauto_da_alloc"),
    FileSystem(
        "xfs", 300 * MIB, ["mkfs.xfs", "-q", "-f"], ["xfs_repair", "-n"],
        "loop"),
)

libc = ctypes.CDLL(None, use_errno=True)
LOCK = threading.Lock()


def describe(folder):
    """A dump, which changes the current folder: one thread at a time."""
    with LOCK:
        return dump(folder)


def head(store):
    """Of the ledger, as a reader sees it."""
    for line in Store.check(store, "--list").out.decode().splitlines():
        if line.startswith("ledger "):
            return line.split()[1]
    raise RuntimeError("a store that was ended cannot be checked")


class TapedStore(Store):
    """A store on a tape that is running."""

    def __init__(self, build, tape, pass_file, inject=None):
        super().__init__(build, os.path.join(tape.point, "store"), pass_file)
        self.tape, self.inject = tape, inject

    def program(self, *words):
        return self.tape.command(super().program(*words), self.inject)

    def make(self):
        subprocess.run(self.tape.command(
            [os.path.join(self.build, "tests/walls/mkstore"), self.path,
             self.pass_file]), check=True, cwd="/")


class Snapshot:
    """One that was made: its id, what a restore of it must give, and how
    much of the log was written when its pull began and when it was told."""

    def __init__(self, oracle, begun):
        self.oracle, self.begun = oracle, begun
        self.id = self.told = None


class Source:
    """A tree that changes, the same in each run with one seed."""

    def __init__(self, rng, path):
        self.rng, self.path = rng, path
        os.makedirs(os.path.join(path, "folder"))
        os.symlink("folder", os.path.join(path, "link"))
        self.sizes = [0, 1, 5000, 70_000, 300_000]
        self.serial = 0
        for _ in range(3):
            self.add()

    def add(self):
        for size in self.sizes:
            self.serial += 1
            self.write(f"folder/{self.serial}", size)
        self.settle()

    def change(self):
        """New files, some gone, one rewritten."""
        self.add()
        for serial in (self.serial - 6, self.serial - 9):
            os.unlink(os.path.join(self.path, f"folder/{serial}"))
        self.write(f"folder/{self.serial - 5}", 40_000)
        self.settle()

    def write(self, name, size):
        with open(os.path.join(self.path, name), "wb") as f:
            f.write(self.rng.randbytes(size))

    def settle(self):
        for folder, _, files in os.walk(self.path, topdown=False):
            for path in [os.path.join(folder, n) for n in files] + [folder]:
                os.utime(path, (OLD, OLD + self.serial))
        # What changed a moment ago has no stat record.
        time.sleep(SETTLED)


class Record:
    """What a store lives through, on tape."""

    def __init__(self, wall, tape, source):
        self.wall, self.tape, self.source = wall, tape, source
        self.made = None            # entries when init was told
        self.seen = []              # heads that could be seen, and from when
        self.snapshots = []

    def store(self, inject=None):
        return TapedStore(self.wall.build, self.tape,
                          self.wall.path("passphrase"), inject)

    def first_days(self, rng):
        self.store().make()
        self.made = self.tape.count()
        self.pull()
        self.source.change()
        self.pull()
        self.write_back()
        self.source.change()
        self.killed_and_again(rng)
        self.restless_pull()
        self.find_ids([])
        self.tape.end()

    def one_day(self, inject):
        """Of a store that has been."""
        self.made = 0
        ended = [self.ended_pull(inject)]
        self.pull()
        self.find_ids(ended)
        self.tape.end()

    def killed_and_again(self, rng):
        killed = [self.ended_pull(
            KILLED.format(1 + rng.randrange(LAST_FSYNC))) for _ in range(2)]
        self.pull()
        self.find_ids(killed)

    def pull(self):
        snapshot = Snapshot(describe(self.source.path), self.tape.count())
        ran = self.store().pull("files", self.source.path)
        if ran.status != 0:
            raise RuntimeError(f"a pull without a power cut: {ran}")
        snapshot.told = self.tape.count()
        self.snapshots.append(snapshot)

    def write_back(self):
        """As the kernel does when time passes."""
        fd = os.open(self.tape.point, os.O_RDONLY)
        libc.syncfs(fd)
        os.close(fd)

    def restless_pull(self):
        """A pull while the kernel writes back all the time."""
        over = threading.Event()

        def write_back():
            while not over.wait(0.002):
                self.write_back()

        beside = threading.Thread(target=write_back)
        beside.start()
        try:
            self.pull()
        finally:
            over.set()
            beside.join()

    def ended_pull(self, inject):
        """A pull that is killed before one of its fsyncs, or that fails with
        it: the next one finds what is in the page cache, and maybe not on
        the disk. It may have written its snapshot's leaf."""
        snapshot = Snapshot(describe(self.source.path), self.tape.count())
        store = self.store(inject)
        store.pull("files", self.source.path)
        self.seen.append((self.tape.count(), head(store)))
        return snapshot

    def find_ids(self, ended):
        """Ask the living store. Pulls that were ended, if they wrote their
        leaves, were told of with the one after them."""
        found = self.store().snapshots()
        for snapshot in ended[:len(found) - len(self.snapshots)]:
            snapshot.told = self.snapshots[-1].told
            self.snapshots.insert(-1, snapshot)
        if len(found) != len(self.snapshots):
            raise RuntimeError(f"{len(found)} snapshots were made")
        for snapshot, listed in zip(self.snapshots, found):
            snapshot.id = listed["id"]


class State:
    """What a power cut in some window left, and what is wrong with it.
    Without a loss all is as it was at the flush."""

    def __init__(self, system, window, loss, coarse):
        self.system, self.record = system, system.record
        self.tape = self.record.tape
        self.window, self.loss, self.coarse = window, loss, coarse
        self.store = Store(system.wall.build,
                           os.path.join(self.tape.point, "store"),
                           system.wall.path("passphrase"))
        self.bad = []

    def __str__(self):
        return (f"{self.tape.name}, cut between entries {self.window.begin} "
                f"and {self.window.end} of {len(self.tape.entries)}, "
                f"{self.loss or 'at the flush'}")

    def judge(self):
        why = self.tape.mount(self.loss, self.coarse)
        if why:
            self.wrong(f"{UNMOUNTABLE}: {why}")
            return
        try:
            self.judge_first()
            if not self.bad:
                self.judge_next()
        finally:
            self.tape.unmount()

    def wrong(self, text):
        self.bad.append(text)

    def told(self):
        return [s for s in self.record.snapshots
                if s.told <= self.window.end]

    def begun(self):
        return [s for s in self.record.snapshots
                if s.begun <= self.window.end]

    def judge_first(self):
        if os.path.exists(os.path.join(self.store.path, "store.conf")):
            self.judge_store()
        elif self.record.made <= self.window.end:
            self.wrong("the store that was told of is none")
        else:
            self.judge_no_store()

    def judge_no_store(self):
        """What a cut left of init is refused by name; away with it, init
        works."""
        ran = self.store.do("snapshots")
        if ran.status != 1 or not re.search(rb"\[[a-z-]+\]\n\Z", ran.err):
            self.wrong(f"no store, but {ran}")
        remove(self.store.path)
        self.store.make()

    def judge_store(self):
        self.check("after the cut")
        if self.tape.keeps_flags and not self.bad:
            self.check_flags()
        listed, begun = self.listed(), self.begun()
        if (not len(self.told()) <= len(listed) <= len(begun)
                or listed != [s.id for s in begun[:len(listed)]]):
            self.wrong(f"{len(self.told())} snapshots were told, "
                       f"{len(begun)} begun, listed are {listed}")
            return
        for snapshot in begun[:len(listed)]:
            self.restore(snapshot.id, snapshot.oracle)

    def judge_next(self):
        path, oracle = self.system.next_source()
        before = leaves(self.store.path)
        ran = self.store.pull("files", path)
        if ran.status != 0:
            self.wrong(f"the next pull: {ran}")
            return
        seen = [head for count, head in self.record.seen
                if count <= self.window.end]
        self.check("after the next pull",
                   *(["--after", seen[-1]] if seen else []))
        after = leaves(self.store.path)
        for name, data in before.items():
            if not after.get(name, b"").startswith(data):
                self.wrong(f"{name} was written over")
        listed, begun = self.listed(), [s.id for s in self.begun()]
        # A snapshot that nobody signed may have been taken over.
        if (not len(self.told()) < len(listed) <= len(begun) + 1
                or listed[:-1] != begun[:len(listed) - 1]):
            self.wrong(f"listed after the next pull: {listed}")
            return
        self.restore(listed[-1], oracle)
        left = os.listdir(os.path.join(self.store.path, "incoming"))
        if left:
            self.wrong(f"left in incoming: {left}")

    def check(self, when, *words):
        ran = self.store.check(*words)
        if ran.status != 0:
            self.wrong(f"{when}: {ran}")

    def check_flags(self):
        """I2: a pack that a leaf names has its flag."""
        for root in sealed_packs(self.store.path):
            path = os.path.join(self.store.path, "packs", root[:2], root)
            if not immutable(path):
                self.wrong(f"without its flag: {path}")

    def listed(self):
        found = self.store.snapshots()
        if found is None:
            self.wrong(f"no list: {self.store.do('snapshots')}")
            return []
        return [s["id"] for s in found]

    def restore(self, which, oracle):
        target = self.tape.point + "-restored"
        ran = self.store.do("restore", which, "--target", target)
        if ran.status != 0:
            self.wrong(str(ran))
        elif describe(target) != oracle:
            self.wrong(f"{which} restores to something else")
        remove(target)


def leaves(store):
    """What the files of leaves hold."""
    found = {}
    for name in os.listdir(os.path.join(store, "ledger")):
        if name.startswith("leaves-"):
            with open(os.path.join(store, "ledger", name), "rb") as f:
                found[name] = f.read()
    return found


def sealed_packs(store):
    """Roots of the packs that signed leaves name; docs/format.md, section
    9. What is no frame is passed over."""
    with open(os.path.join(store, "ledger/checkpoint"), "rb") as f:
        size = int(f.read().split(b"\n")[1])
    with open(os.path.join(store, "ledger/leaves-00000000"), "rb") as f:
        data = f.read()
    at = number = 0
    while number < size:
        magic, length, found = struct.unpack_from("<4sIQ", data, at)
        if magic != b"MLLF" or found != number:
            at += 8
            continue
        leaf = data[at + 32:at + 32 + length]
        if leaf[2:4] == LEAF_PACK:
            yield leaf[64:96].hex()
        at += 32 + -(-length // 8) * 8
        number += 1


def immutable(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        flags = fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8))
        return bool(flags[0] & FS_IMMUTABLE_FL)
    finally:
        os.close(fd)


class System:
    """All states that one tape leads to."""

    def __init__(self, wall, rng, record, sources):
        self.wall, self.rng, self.record = wall, rng, record
        self.tape, self.name = record.tape, record.tape.name
        self.sources = sources      # what the next pull may find
        self.windows = self.tape.windows()
        self.written = [w for w in self.windows if w.writes]
        self.facts = {"entries": len(self.tape.entries), "flushes": 0,
                      "alone": 0, "subsets": 0, "metadata_torn": 0,
                      "unmountable": 0}

    def tried(self):
        return sum(self.facts[n] for n in ("flushes", "alone", "subsets"))

    def next_source(self):
        return self.rng.choice(self.sources)

    def pilot(self):
        """Seconds that one state takes."""
        began, count = time.monotonic(), len(self.windows)
        self.walk([(self.windows[count * i // 4], True, 1) for i in range(4)])
        cost = (time.monotonic() - began) / self.tried()
        self.tape.rewind()
        self.facts.update(flushes=0, alone=0, subsets=0, metadata_torn=0)
        return cost

    def plan(self, k, start, subsets):
        """Windows in order, whether to try their edges, and how many random
        subsets."""
        drawn = collections.Counter(
            w.begin for w in self.rng.choices(self.written, k=subsets))
        return [(window, i % k == start, drawn[window.begin])
                for i, window in enumerate(self.windows)]

    def run(self):
        """k, so that each k-th window's edges and as many subsets fit into
        the time that is left; and all of these."""
        edges = sum(len(self.tape.edges(w)) for w in self.windows)
        k, start = self.wall.every(
            edges + SUBSETS, self.pilot(),
            self.wall.options.seconds - self.wall.spent())
        print(f"{self.tape.name}: {len(self.windows)} flushes with writes "
              f"between, {len(self.record.snapshots)} snapshots, k {k}",
              flush=True)
        self.walk(self.plan(k, start, SUBSETS // k))
        return {"k": k, **self.facts}

    def walk(self, plan):
        for window, edges, subsets in plan:
            self.tape.forward(window)
            for loss in self.tape.edges(window) if edges else []:
                self.try_one(window, loss)
                self.facts["alone" if loss else "flushes"] += 1
            for _ in range(subsets if window.writes else 0):
                self.try_one(window, self.tape.lose(self.rng, window))
                self.facts["subsets"] += 1

    def try_one(self, window, loss):
        """Neither ext4 nor xfs survives it when its own metadata is torn
        within 4096 bytes (its super block the one, what it writes in place
        the other). Then that is counted, and the same loss tried on a disk
        that does not do this."""
        state = State(self, window, loss, False)
        state.judge()
        if state.bad and loss and self.tape.broken():
            self.facts["metadata_torn"] += 1
            state = State(self, window, loss, True)
            state.judge()
        if state.bad:
            self.facts["unmountable"] += state.bad[0].startswith(UNMOUNTABLE)
            self.report(state)

    def report(self, state):
        """The first ones are kept."""
        with LOCK:
            kept = "not kept"
            if self.wall.violations < KEPT:
                kept = self.wall.path(f"bad-{self.wall.violations}")
                self.tape.keep(kept, state.loss, state.coarse)
            self.wall.violation(
                f"after {self.tried()} states: {state}: {kept}\n"
                + "\n".join(state.bad))


def lone_namespace():
    """Mounts and children of this wall end with it, however it ends."""
    if os.getpid() != 1:
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork",
                              "--kill-child", sys.executable, *sys.argv])


def old_store(wall, size):
    """A store whose ledger will soon have so many leaves: the folder with
    it."""
    folder = wall.path(f"old-{size}")
    os.makedirs(folder)
    store = Store(wall.build, os.path.join(folder, "store"),
                  wall.path("passphrase"))
    store.make()
    subprocess.run([os.path.join(wall.build, "tests/walls/manyleaves"),
                    store.path, str(size - wall.random.randrange(1, 5))],
                   check=True, cwd="/")
    shutil.rmtree(os.path.join(store.path, "cache"))
    return folder


def random_of(wall, name):
    return random.Random(f"{wall.options.seed} {name}")


def now_and_later(wall, name, source):
    """What the next pull may find: the tree, or one that has changed once
    more."""
    now, later = source.path, wall.path(f"{name}-later")
    copy(now, later)
    source.path = later
    source.change()
    source.path = now
    return [(path, describe(path)) for path in (now, later)]


def begin(wall, tape):
    """Record the first days of a store."""
    rng = random_of(wall, tape.name)
    source = Source(rng, wall.path(f"{tape.name}-source"))
    record = Record(wall, tape, source)
    record.first_days(rng)
    return System(wall, rng, record,
                  now_and_later(wall, tape.name, source))


class Turns:
    """A ledger that begins a new file of tiles or of leaves, a pull that is
    killed before an fsync, or fails with it, and one that goes on: a tape
    for each of its fsyncs. As many as there is time for, of each the edges
    of every third window; with --all all of all."""

    name = "turn"

    def __init__(self, wall):
        self.wall, self.facts = wall, collections.Counter()
        self.first = {size: old_store(wall, size) for size in TURNS}
        self.source = Source(random_of(wall, self.name),
                             wall.path(f"{self.name}-source"))
        self.sources = now_and_later(wall, self.name, self.source)
        points = [(size, how, at) for size in TURNS for how in (KILLED, FAILED)
                  for at in range(1, LAST_FSYNC + 1)]
        self.points = wall.random.sample(points, len(points))
        self.k = 1 if wall.options.all else 3

    def run(self):
        for size, how, at in self.points:
            if self.facts["tapes"] and self.wall.over():
                break
            inject = how.format(at)
            self.play(f"{self.name}-{size}-{inject}", self.first[size], inject)
        return {"k": -(-len(self.points) * self.k // self.facts["tapes"]),
                **self.facts}

    def play(self, name, first, inject):
        tape = calllog.Tape(name, self.wall.path(name), first)
        record = Record(self.wall, tape, self.source)
        record.one_day(inject)
        system = System(self.wall, random_of(self.wall, name), record,
                        self.sources)
        system.walk(system.plan(self.k, system.rng.randrange(self.k),
                                SUBSETS // len(self.points)))
        self.facts.update(system.facts)
        self.facts["tapes"] += 1
        remove(self.wall.path(name))


def main():
    try:
        blocklog.need(["losetup", "mount", "unshare", "strace",
                       *(tool for fs in SYSTEMS for tool in fs.tools())])
    except blocklog.Missing as e:
        print(f"powercuts: skipped: {e}")
        sys.exit(77)
    lone_namespace()
    wall = Wall("powercuts", __doc__)
    try:
        systems = [begin(wall, blocklog.Tape(fs, wall.path(fs.name)))
                   for fs in SYSTEMS]
    except blocklog.Missing as e:
        print(f"powercuts: skipped: {e}")
        sys.exit(77)
    systems.append(begin(wall, calllog.Tape("least", wall.path("least"))))
    systems.append(Turns(wall))
    with concurrent.futures.ThreadPoolExecutor(len(systems)) as pool:
        facts = {system.name: found for system, found in
                 zip(systems, pool.map(lambda s: s.run(), systems))}
    wall.end(tried=sum(f[n] for f in facts.values()
                       for n in ("flushes", "alone", "subsets")),
             k=max(f["k"] for f in facts.values()), **facts)


if __name__ == "__main__":
    main()
