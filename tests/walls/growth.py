#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing grows but what must.

Many pulls in one process, of a tree that stays as it is and of one that
changes: the heap in use, descriptors, mappings, threads, locked memory and
children stay what they were. Many pulls as commands, some of them killed: the
memory of the last is that of the first and what the ledger's leaves need;
nothing is left over in the store. Many reads of one mount: its memory and its
descriptors stay. --all does each of them a thousand times.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import time

from wall import Wall, clean_env

PULLS = 1000
WARM = 20                       # allocators and caches are filled by then
SOURCE = "files1"
FILES = 60

# What may be added between the first pulls and the last ones.
HEAP = 512                      # bytes in all, not a pull
MAPS = 8
RSS = 4 << 20                   # pages that the allocator did not give back
LEAF = 400                      # bytes of memory for a leaf of the ledger
PEAK = 3 << 20                  # of one command against another
CACHE_FILES = 24                # of a RocksDB that is closed
MOUNT_RSS = 512 << 10
SLOWER = 20                     # times, with 8 leaves a pull


class Tree:
    """A source of a few small files."""

    def __init__(self, path):
        self.path, self.changes = path, 0
        for i in range(FILES):
            os.makedirs(self.folder(i), exist_ok=True)
            self.write(i)

    def folder(self, i):
        return os.path.join(self.path, f"folder {i % 6}")

    def write(self, i):
        with open(os.path.join(self.folder(i), f"file {i}"), "wb") as f:
            f.write(os.urandom(600000 if i % 20 == 0 else 3000))

    def change(self):
        self.write(self.changes % FILES)
        self.changes += 1

    def settle(self):
        """Until it is old enough to be believed unchanged."""
        time.sleep(3.1)


def process(pid):
    """What a process holds, from the kernel."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        status = dict(line.rstrip().split(":", 1) for line in f)
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        maps = sum(1 for _ in f)
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = len(f.read().split())
    return {"rss": int(status["VmRSS"].split()[0]) << 10,
            "locked": status["VmLck"].strip(),
            "threads": status["Threads"].strip(),
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "maps": maps, "children": children}


class Series:
    """So many times, or until its share of time is over."""

    def __init__(self, wall, share):
        self.wall, self.until = wall, time.monotonic() + share
        self.n, self.began, self.times = 0, 0.0, []

    def __iter__(self):
        while self.n < PULLS and (
                self.wall.options.all or self.n < 2 * WARM or
                time.monotonic() < self.until):
            self.n += 1
            self.began = time.monotonic()
            yield self.n
            self.times.append(time.monotonic() - self.began)

    def slower(self):
        """How many times longer the last ones took than the first."""
        return round(statistics.median(self.times[-WARM:]) /
                     statistics.median(self.times[:WARM]), 1)


# ---- one process

def in_one_process(wall, name, changing, share):
    """Facts of it; what grew is a violation."""
    store = wall.store("store-" + name)
    store.make()
    tree = Tree(wall.path("source-" + name))
    tree.settle()
    # What a thread keeps for later counts as used; it shall keep nothing.
    env = dict(clean_env(), GLIBC_TUNABLES="glibc.malloc.tcache_count=0")
    words = [os.path.join(wall.build, "tests/walls/pulls"), store.path,
             SOURCE, tree.path,
             os.path.join(wall.build, "agent/muniment-agent")]
    series, first, now = Series(wall, share), None, None
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        for n in series:
            if changing:
                tree.change()
            child.stdin.write(b"\n")
            child.stdin.flush()
            said = child.stdout.readline()
            if not said:
                wall.violation(f"{name}: pull {n} failed")
                return {}
            now = dict(process(child.pid), heap=int(said))
            if n == WARM:
                first = now
        child.stdin.close()
    if child.returncode != 0:
        wall.violation(f"{name}: status {child.returncode}")
    compare(wall, name, series.n, first, now)
    return {f"{name}_pulls": series.n, f"{name}_heap": now["heap"],
            f"{name}_heap_grown": now["heap"] - first["heap"],
            f"{name}_rss_grown": now["rss"] - first["rss"],
            f"{name}_descriptors": now["descriptors"],
            f"{name}_times_slower": series.slower()}


def compare(wall, name, n, first, now):
    allowed = {"heap": HEAP, "maps": MAPS, "rss": RSS}
    for what, had in first.items():
        has = now[what]
        if has != had and (what not in allowed or
                           has - had > allowed[what]):
            wall.violation(f"{name}: {what} was {had} after {WARM} pulls, "
                           f"{has} after {n}")


# ---- commands

def command(store, tree, kill_after=None):
    """Run a pull; its status, and its peak of memory in bytes."""
    child = subprocess.Popen(store.program("pull", "--source", SOURCE,
                                           tree.path), env=store.env(),
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    if kill_after is not None:
        time.sleep(kill_after)
        # Not send_signal: it would take the status of one that has ended.
        os.kill(child.pid, signal.SIGKILL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_maxrss << 10


def size(store):
    """Bytes of what must be kept."""
    total = 0
    for kept in ("ledger", "manifests", "packs"):
        for folder, _, names in os.walk(os.path.join(store.path, kept)):
            total += sum(os.lstat(os.path.join(folder, n)).st_size
                         for n in names)
    return total


def leaves(store):
    path = os.path.join(store.path, "ledger/hash-0")
    return os.path.getsize(path) // 32


def as_commands(wall, share):
    store = wall.store("store-commands")
    store.make()
    tree = Tree(wall.path("source-commands"))
    tree.settle()
    peaks, grown, killed, counts = [], [], 0, []
    series = Series(wall, share)
    for n in series:
        before = size(store)
        if n % 10 == 0:
            tree.change()
            command(store, tree, wall.random.random() *
                    statistics.median(series.times))
            killed += 1
            continue
        status, peak = command(store, tree)
        if status != 0:
            wall.violation(f"pull {n}: status {status}")
            return {}
        # The one behind a killed one takes in what that had to.
        if n % 10 > 1:
            peaks.append(peak)
            counts.append(leaves(store))
            grown.append(size(store) - before)
    command(store, tree)
    left_over(wall, store)
    added = (statistics.median(peaks[-WARM:]) -
             statistics.median(peaks[:WARM]))
    may = PEAK + LEAF * (counts[-1] - counts[0])
    if added > may:
        wall.violation(f"the last pulls need {added} bytes more than the "
                       f"first, and not {may}")
    if series.slower() > SLOWER:
        wall.violation(f"a pull became {series.slower()} times slower")
    return {"command_pulls": series.n, "command_pulls_killed": killed,
            "command_peak": int(statistics.median(peaks[-WARM:])),
            "command_peak_grown": int(added), "leaves": counts[-1],
            "bytes_an_unchanged_pull": int(statistics.median(grown)),
            "command_times_slower": series.slower()}


def left_over(wall, store):
    """Behind a pull that ended well there is nothing that it does not
    need."""
    for folder in ("incoming", "run"):
        names = os.listdir(os.path.join(store.path, folder))
        if names:
            wall.violation(f"left in {folder}/: {names}")
    for folder in ("index", "stat"):
        names = os.listdir(os.path.join(store.path, "cache", folder))
        if len(names) > CACHE_FILES or \
                sum(n.endswith(".dbtmp") for n in names) > 1:
            wall.violation(f"cache/{folder} has {sorted(names)}")
    kept = re.compile(r"store\.conf|vault|recipient-1|epoch-1-1|checkpoint|"
                      r"(leaves|hash)-\d+|[0-9a-f]{64}")
    for folder, folders, names in os.walk(store.path):
        if "cache" in folders:
            folders.remove("cache")
        for name in names:
            if not kept.fullmatch(name):
                wall.violation(f"left over: {folder}/{name}")


# ---- a mount

def of_a_mount(wall, share):
    store = wall.store("store-mount")
    store.make()
    tree = Tree(wall.path("source-mount"))
    for _ in range(3):
        tree.change()
        command(store, tree)
    point = wall.path("mount")
    os.mkdir(point)
    child = subprocess.Popen(store.program("mount", "--foreground", point),
                             env=store.env(), stdin=subprocess.DEVNULL)
    while not os.path.ismount(point):
        if child.poll() is not None:
            wall.violation(f"mount: status {child.returncode}")
            return {}
        time.sleep(0.02)
    series, first, now = Series(wall, share), None, None
    for n in series:
        read_all(os.path.join(point, SOURCE))
        now = process(child.pid)
        if n == WARM:
            first = now
    subprocess.run(["umount", point], check=True)
    if child.wait() != 0:
        wall.violation(f"mount: status {child.returncode}")
    for what, may in (("rss", MOUNT_RSS), ("maps", MAPS),
                      ("descriptors", 0)):
        if now[what] - first[what] > may:
            wall.violation(f"mount: {what} was {first[what]} after {WARM} "
                           f"rounds, {now[what]} after {series.n}")
    return {"mount_rounds": series.n, "mount_rss": now["rss"],
            "mount_rss_grown": now["rss"] - first["rss"],
            "mount_descriptors": now["descriptors"]}


def read_all(top):
    """Each folder is listed, each file opened, looked at and read, past
    what the kernel keeps."""
    for folder, _, names in os.walk(top):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.fstat(fd)
            os.listxattr(fd)
            while os.read(fd, 1 << 16):
                pass
            os.close(fd)


def main():
    wall = Wall("growth", __doc__)
    share = wall.options.seconds / 4
    facts = in_one_process(wall, "unchanged", False, share)
    facts.update(in_one_process(wall, "changing", True, share))
    facts.update(as_commands(wall, share))
    facts.update(of_a_mount(wall, share))
    pulls = sum(facts.get(n, 0) for n in
                ("unchanged_pulls", "changing_pulls", "command_pulls"))
    rounds = facts.get("mount_rounds", 0)
    print(f"{pulls} pulls, {rounds} times all of a mount was read",
          flush=True)
    wall.end(tried=pulls, k=round(4 * PULLS / max(1, pulls + rounds), 1),
             pulls=pulls, **facts)


if __name__ == "__main__":
    sys.exit(main())
