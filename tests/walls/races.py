#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data races, as ThreadSanitizer sees them, in the programs themselves.

DIR must be a build with -Db_sanitize=thread. Its programs pull a tree that
changes, large enough for all workers and both kinds of packs, some of the
pulls interrupted; beside that run restores (some interrupted), verifies and
listings, mounts that come and go, and one mount on which many threads read
all the time, until it is told to end under them. What they answer is checked
as in readers.py; the reports of all processes, those in the background too,
are collected, and each is a violation. First run the unit tests of what has
threads; --all has the longer ones too.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from readers import SOURCE, Beside, Tree, fork
from wall import HERE, Store, Wall, clean_env, remove, run

RESTORERS = 2
MOUNTERS = 2
READERS = 8                     # on the mount that stays
SHARERS = 4                     # of one descriptor of it
FILES = 300                     # of which 6 are
LARGE = 24 << 20                # at most so large: several packs
LARGEST = 6                     # which have more than one content node
UNIT = ["util/pool", "util/hook", "util/child", "view/cache"]
UNIT_ALL = ["pull", "restore/restore", "view/file", "view/place",
            "view/unlock", "store/lookup"]
UNIT_HANGS = 900
ENDS = 60                       # so long a daemon may take to end
NO_COMMANDS = ("reads", "mount_read")   # of what is counted


class Watched(Store):
    """A store whose programs leave their reports in a folder."""

    reports = None

    def env(self, **more):
        return super().env(TSAN_OPTIONS=options(self.reports), **more)


def options(reports):
    return (f"log_path={reports}/report:exitcode=66:halt_on_error=0:"
            "history_size=4:second_deadlock_stack=1:"
            f"suppressions={os.path.join(HERE, 'tsan.supp')}")


class Races(Beside):
    """What readers.py does, shaken."""

    def __init__(self, wall, store, tree):
        super().__init__(wall, store, tree, halting=False)
        self.readers = ([self.restorer] * RESTORERS +
                        [self.mounter] * MOUNTERS +
                        [self.stopper, self.lister, self.verifier])
        self.point = wall.path("mount")

    def stopped(self, words, rng):
        """Run it and end it by a signal somewhere."""
        child = subprocess.Popen(words, env=self.store.env(),
                                 stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        time.sleep(rng.random() * 2)
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate()
        # Before the handler is there, the signal itself ends it.
        if child.returncode not in (0, 1, -signal.SIGTERM):
            self.wrong(f"{words}: status {child.returncode}: {out} {err}")
        self.count("stopped")

    def stopper(self, number, rng):
        target = self.wall.path(f"stopped-{number}")
        self.stopped(self.store.program("restore", f"{SOURCE}@latest",
                                        "--target", target), rng)
        remove(target)

    def pull(self, slowly=False):
        super().pull(slowly)
        if self.wall.random.random() < 0.5:
            self.tree.change()
            self.stopped(self.store.program("pull", "--source", "stopped",
                                            self.tree.path),
                         self.wall.random)

    # ---- one mount that stays

    def touch(self, path, rng):
        """Read some of it, anywhere."""
        os.listdir(os.path.dirname(path))
        with open(path, "rb", buffering=0) as f:
            f.seek(rng.randrange(max(1, os.fstat(f.fileno()).st_size)))
            for _ in range(40):
                if not f.read(128 << 10):
                    break

    def share(self, path, rng):
        """Read all over it with several threads, by one descriptor."""
        with open(path, "rb", buffering=0) as f:
            size = max(1, os.fstat(f.fileno()).st_size)
            places = [[rng.randrange(size) for _ in range(20)]
                      for _ in range(SHARERS)]
            threads = [threading.Thread(target=read_at,
                                        args=(f.fileno(), these))
                       for these in places]
            for t in threads:
                t.start()
            for t in threads:
                t.join()

    def keep_reading(self, rng):
        os.nice(10)
        try:
            files = [os.path.join(folder, name) for folder, _, names in
                     os.walk(os.path.join(self.point, SOURCE, "latest"))
                     for name in names]
            large = sorted(files, key=os.path.getsize)[-LARGEST:]
            while True:
                if rng.random() < 0.2:
                    self.share(rng.choice(large), rng)
                else:
                    self.touch(rng.choice(files), rng)
                self.count("reads")
        except OSError as e:
            # In the end the mount is told to end.
            if not self.ending:
                self.wrong(f"reading the mount: {e}")

    def run(self):
        super().pull()
        os.mkdir(self.point)
        if self.asks("mount", self.point) is None:
            return
        threads = [threading.Thread(target=self.keep_reading,
                                    args=(fork(self.wall.random),))
                   for _ in range(READERS)]
        for t in threads:
            t.start()
        super().run()
        for pid in daemons(self.point):
            os.kill(pid, signal.SIGTERM)
        for t in threads:
            t.join()


def read_at(fd, places):
    try:
        for at in places:
            os.pread(fd, 128 << 10, at)
    except OSError:
        pass                    # the mount has ended: its reader says so


def daemons(what):
    """The processes with that text on their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read()
        except OSError:
            continue
        if what.encode() in words and b"muniment-" in words:
            found.append(int(pid))
    return found


def instrumented(build):
    for name in ("cli/muniment-pull", "cli/muniment-read",
                 "fuse/muniment-mount", "agent/muniment-agent"):
        with open(os.path.join(build, name), "rb") as f:
            if b"__tsan_init" not in f.read():
                return False
    return True


def unit_tests(wall, reports):
    """Run those of what has threads; how many."""
    names = UNIT + (UNIT_ALL if wall.options.all else [])
    told = subprocess.run(["meson", "introspect", "--tests", wall.build],
                          check=True, stdout=subprocess.PIPE).stdout
    tests = [t for t in json.loads(told) if t["name"] in names]
    for t in tests:
        env = clean_env()
        env.update(t["env"], TSAN_OPTIONS=options(reports),
                   TMPDIR=wall.scratch)
        ran = run(t["cmd"], env, UNIT_HANGS)
        if ran.status != 0:
            wall.violation(f"unit test {t['name']}: {ran}")
    if len(tests) != len(names):
        wall.violation(f"of {names} there are only "
                       f"{[t['name'] for t in tests]}")
    return len(tests)


def look_at(wall, reports):
    """Each report is a violation; how many."""
    until = time.monotonic() + ENDS
    while daemons(wall.scratch) and time.monotonic() < until:
        time.sleep(0.1)
    for pid in daemons(wall.scratch):
        wall.violation(f"process {pid} does not end")
    names = sorted(os.listdir(reports))
    for name in names:
        with open(os.path.join(reports, name), encoding="utf-8",
                  errors="replace") as f:
            wall.violation(f"{name}: {f.read(6000)}")
    return len(names)


def main():
    wall = Wall("races", __doc__)
    if not instrumented(wall.build):
        wall.violation(f"{wall.build} is not a build with -Db_sanitize=thread")
        wall.end(tried=0)
    reports = wall.path("reports")
    os.mkdir(reports)
    units = unit_tests(wall, reports)
    store = Watched(wall.build, wall.path("store"))
    store.reports = reports
    store.make()
    races = Races(wall, store,
                  Tree(wall.path("source"), wall.random, FILES, LARGE))
    races.run()
    found = look_at(wall, reports)
    commands = sum(n for what, n in races.done.items()
                   if what not in NO_COMMANDS)
    wall.end(tried=commands, k=1, unit_tests=units, reports=found,
             **races.done)


if __name__ == "__main__":
    sys.exit(main())
