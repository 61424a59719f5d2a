#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 in front of any system call of any thread of any process.

A point is a scene and a place: process, thread and call, each counted as
killer.c does. "changed 0:0:1200" is the pull of a changed tree whose first
process (muniment, which becomes muniment-pull) is killed when its first
thread is about to make its 1200th call; 1:0:8 would kill muniment-agent.
Threads other than the one that is counted are wherever they are. Of each
thread all calls from 1 on are points, until a run ends untouched.

The scenes: the first pull of a tree; a pull of what has changed; one of what
has not; one in which a pack is sealed in the middle; init; restore; mount.

After each kill, what it left is looked at: no process, nothing that the
checker minds, every snapshot that was ever told of, each as it was pulled,
that of the killed pull whole or absent. Then the recovery, of the same tree
or of another, is killed at a place that is drawn (with --all three of them,
one after the other), and all is looked at again. Then one of each tree goes
through, and all is looked at once more.

A call that may change something on a disk matters more than one that
cannot: of these every k-th is taken, of the others every more-than-k-th;
both are printed. --at SCENE,PLACE does one point alone.
"""

import collections
import errno
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import wall
from wall import HANGS, Wall, copy, dump, remove, run

SOURCE = "files"
# Of the time that is left for a scene, what the calls get that may change
# something on a disk.
CHANGING = 0.75
# Points that each processor runs to learn what one costs.
SAMPLE = 2
# How a restore names what replaces a file, until it is whole.
UNFINISHED = ".muniment-restore-"
FUSE = "/dev/fuse"
ENOUGH = 10                     # violations, then the run ends
# What the kernel says of a mount whose server is gone, or goes just now.
GONE = [os.strerror(e).encode() for e in (errno.ENOTCONN, errno.ECONNABORTED)]

# A source: lines of treedump.py, its state, the root that it gets, and what
# ls says of that.
Tree = collections.namedtuple("Tree", "lines state root listing")
Place = collections.namedtuple("Place", "process thread call")
# What the killer saw: Ran, {(process, thread): (program, calls)}, how long
# the others lived (None: nobody was killed), who had to be killed as well.
Seen = collections.namedtuple("Seen", "ran threads killed left")


def place_name(place):
    return "%d:%d:%d" % place


def state(folder):
    """All that stat tells of a folder: equal if nothing was written there."""
    found = []
    for base, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            path = os.path.join(base, name)
            at = os.lstat(path)
            found.append((path, at.st_ino, at.st_mode, at.st_size,
                          at.st_mtime_ns, at.st_ctime_ns))
    return sorted(found)


def fields(line):
    """Path and fields of a line of treedump.py."""
    path, *rest = line.split(" ")
    return path, dict(pair.split("=", 1) for pair in rest)


class Work:
    """A folder in which one point after the other is tried, and what was
    seen at this one."""

    def __init__(self, build, path):
        self.path = path
        os.makedirs(path, exist_ok=True)
        self.store = wall.Store(build, self.at("store"))
        self.killer = os.path.join(build, "tests/walls/killer")
        self.wrong, self.counts = [], collections.Counter()
        self.slowest = 0

    def at(self, name):
        return os.path.join(self.path, name)

    def say(self, text):
        self.wrong.append(str(text))

    def expect(self, ran, *statuses):
        """Its end is one of these, and if it failed, in one line."""
        if ran.status not in statuses:
            self.say(f"status is none of {statuses}: {ran}")
        elif ran.status == 1 and (ran.err.count(b"\n") != 1
                                  or not ran.err.endswith(b"]\n")):
            self.say(f"not one line with a name: {ran}")
        return ran

    def refused(self, name, ran):
        """It must end with this error."""
        self.expect(ran, 1)
        if not ran.err.endswith(f"[{name}]\n".encode()):
            self.say(f"not refused as {name}: {ran}")

    def words(self, command, place=None):
        at = ["--at", place_name(place)] if place else []
        return [self.killer, *at, self.at("seen"),
                *self.store.program(*command)]

    def run(self, command, place=None):
        """Run a command of the store under the killer."""
        ran = run(self.words(command, place), self.store.env())
        return self.seen(ran, command)

    def seen(self, ran, command):
        threads, killed, left = {}, None, []
        with open(self.at("seen"), encoding="ascii") as f:
            for line in f:
                what, *rest = line.split()
                if what == "thread":
                    threads[int(rest[0]), int(rest[1])] = rest[2], rest[3]
                elif what == "killed":
                    killed = int(rest[0])
                else:
                    left.append(rest[0])
        if left:
            self.say(f"{left} did not end by itself")
        ran.words = ["muniment", *command]
        self.slowest = max(self.slowest, killed or 0)
        return Seen(ran, threads, killed, left)


class Scene:
    """A command that is killed. base is the store that it starts from."""

    recoveries = 1
    share = 0.1
    main_alone = False          # only the first thread, where it may change

    def __init__(self, name, base, trees):
        self.name, self.base = name, base
        self.trees = trees      # path -> Tree, of each source
        self.threads = {}       # the calls of each thread, at most

    def begin(self, work):
        copy(self.base, work.store.path)

    def command(self, work):
        raise NotImplementedError

    def attempt(self, work, place, rng):
        """Kill it there; say what is wrong. The Seen of the first kill."""
        raise NotImplementedError

    def learn(self, work):
        """Which calls there are."""
        for _ in range(3):
            self.begin(work)
            seen = self.look(work)
            if seen.ran.status != 0:
                raise RuntimeError(str(seen.ran))
            for key, (program, calls) in seen.threads.items():
                if len(calls) > len(self.threads.get(key, ("", ""))[1]):
                    self.threads[key] = program, calls

    def look(self, work):
        return work.run(self.command(work))

    def places(self, digit):
        return [Place(*key, n + 1)
                for key, (_, calls) in sorted(self.threads.items())
                for n, d in enumerate(calls) if d == digit and
                (not self.main_alone or digit == "1" and key == (0, 0))]

    def draw(self, rng):
        """A place for a kill during recovery; half of them where something
        may change."""
        return rng.choice(self.places(rng.choice("01")) or self.places("1"))

    def program(self, place):
        return self.threads.get(place[:2], ("?",))[0]


class Pull(Scene):
    def __init__(self, name, base, trees, source, share):
        super().__init__(name, base, trees)
        self.source, self.share = source, share
        self.ledger = None      # of the base, as the checker prints it

    def begin(self, work):
        super().begin(work)
        listed = work.store.snapshots()
        work.told = [s["id"] for s in listed]
        work.roots = {s["root"] for s in listed}
        work.base = work.pulls = len(listed)
        if not self.ledger:
            self.ledger = self.grown(work.store.check("--list"))
        work.ledger = self.ledger
        work.nameless = False

    @staticmethod
    def grown(ran):
        """Size and root of the ledger, from which it may only grow."""
        return next(line.split()[1] for line in ran.out.decode().splitlines()
                    if line.startswith("ledger "))

    def command(self, work, source=None):
        source = source or self.source
        work.roots.add(self.trees[source].root)
        return ["pull", "--json", "--source", SOURCE, source]

    def ended(self, work, seen, place):
        """What a pull that was killed at a place said."""
        work.pulls += 1
        if seen.killed is None:
            work.expect(seen.ran, 0)
        elif place.process == 0:
            work.expect(seen.ran, -9)
        else:
            # Whoever else is killed: the pull says so, or it had all that
            # it wanted of it. Never 3: the source could be read.
            work.expect(seen.ran, 0, 1)
        # Whom the agent starts tells it the names of owners; without it they
        # have none, as where it is not installed.
        if place.process > 1 and seen.killed is not None:
            work.nameless = True
        self.acknowledged(work, seen.ran)

    def acknowledged(self, work, ran):
        if ran.out.endswith(b"\n"):
            told = json.loads(ran.out)
            work.told.append(told["id"])
            if not told["complete"]:
                work.say(f"not complete: {ran}")

    def sound(self, work, *words):
        """All that must hold of the store as it lies."""
        ran = work.store.check("--list", "--after", work.ledger, *words)
        work.counts["checks"] += 1
        if ran.status != 0:
            work.say(ran)
            return
        work.ledger = self.grown(ran)
        listed = work.store.snapshots()
        if listed is None:
            work.say("the snapshots cannot be listed")
            return
        ids = [s["id"] for s in listed]
        if ids[:work.base] != work.told[:work.base] or \
                not set(work.told) <= set(ids):
            work.say(f"told of were {work.told}, listed are {ids}")
        if len(ids) > work.pulls:
            work.say(f"{len(ids)} snapshots of {work.pulls} pulls: {ids}")
        for snapshot in listed:
            self.whole(work, snapshot)

    def whole(self, work, snapshot):
        root = snapshot["root"]
        known = [tree.lines for tree in self.trees.values()
                 if work.nameless or root == tree.root]
        if root not in work.roots and not work.nameless:
            work.say(f"another root than that of the same tree: {snapshot} "
                     f"{self.other(work, snapshot)}")
        if not snapshot["complete"]:
            work.say(f"not complete: {snapshot}")
        target = work.at("out")
        remove(target)
        ran = work.store.do("restore", snapshot["id"], "--target", target)
        work.counts["restores"] += 1
        if ran.status != 0 or dump(target) not in known:
            work.say(f"{snapshot} is not restored as it was pulled: {ran}")

    def other(self, work, snapshot):
        """How it differs from the nearest tree."""
        if any(state(path) != tree.state for path, tree in self.trees.items()):
            return "(somebody changed the source meanwhile)"
        have = listing(work.store, snapshot["id"])
        return min((sorted(have ^ tree.listing)
                    for tree in self.trees.values()), key=len)[:10]

    def attempt(self, work, place, rng):
        self.begin(work)
        before = state(work.store.path)
        seen = work.run(self.command(work), place)
        self.ended(work, seen, place)
        if seen.killed is not None and state(work.store.path) == before:
            work.counts["nothing changed"] += 1
            if len(work.told) > work.base:
                work.say("a snapshot was told of, and nothing has changed")
            return seen
        self.sound(work)
        for _ in range(self.recoveries if seen.killed is not None else 0):
            second = self.draw(rng)
            source = rng.choice(list(self.trees))
            ended = work.run(self.command(work, source), second)
            work.counts["second kills"] += ended.killed is not None
            self.ended(work, ended, second)
            self.sound(work)
        # Another tree first: what the killed pulls left of this one in the
        # caches must not lead it to what that one stores.
        for source in [*(s for s in self.trees if s != self.source),
                       self.source]:
            self.goes_through(work, source)
        self.sound(work, "--next")
        return seen

    def goes_through(self, work, source):
        ran = work.store.do(*self.command(work, source))
        work.pulls += 1
        if ran.status != 0 or ran.err:
            work.say(f"a last pull: {ran}")
            return
        self.acknowledged(work, ran)
        if json.loads(ran.out)["root"] != self.trees[source].root:
            work.say(f"a last pull has another root: {ran}")
        left = [os.path.join(base, name)
                for base, _, names in os.walk(work.store.path)
                for name in names
                if name[0] == "." or base.endswith("/incoming")]
        if left:
            work.say(f"left behind: {left}")


class Init(Scene):
    share = 0.1

    def begin(self, work):
        remove(work.store.path)

    def command(self, work):
        return ["init"]

    def ended(self, work, seen):
        """What lies there after an init; True if it is a store."""
        path = work.store.path
        work.expect(seen.ran, 0 if seen.killed is None else -9)
        if os.path.exists(os.path.join(path, "store.conf")):
            self.is_store(work)
            return True
        if seen.ran.out:
            work.say(f"told of a store that is none: {seen.ran}")
        unfinished = os.path.exists(os.path.join(path, "ledger"))
        self.refuses(work, "store-missing", "snapshots", unfinished)
        if os.path.exists(path) and os.listdir(path):
            before = state(path)
            self.refuses(work, "store-not-empty", "init", unfinished)
            if state(path) != before:
                work.say("a refused init has changed something")
            # It says so; and as it says, an empty folder will do.
            remove(path)
        return False

    def refuses(self, work, name, verb, unfinished):
        ran = work.store.do(verb)
        work.refused(name, ran)
        if (b"an init was cut off" in ran.err) != unfinished:
            work.say(f"it says nothing of an init that was cut off: {ran}")

    def is_store(self, work):
        work.refused("store-exists", work.store.do("init"))
        ran = work.store.check()
        work.counts["checks"] += 1
        if ran.status != 0:
            work.say(ran)
        if work.store.snapshots() != []:
            work.say("there are no snapshots, and they are not listed so")
        source, tree = next(iter(self.trees.items()))
        work.expect(work.store.pull(SOURCE, source), 0)
        target = work.at("out")
        remove(target)
        work.expect(work.store.do("restore", SOURCE + "@latest", "--target",
                                  target), 0)
        if dump(target) != tree.lines:
            work.say("what was pulled into the new store is restored as "
                     "something else")

    def attempt(self, work, place, rng):
        self.begin(work)
        # A folder that is there and empty is as good as none.
        if rng.random() < 0.5:
            os.mkdir(work.store.path)
        seen = work.run(self.command(work), place)
        made = self.ended(work, seen)
        for _ in range(self.recoveries):
            if not made:
                again = work.run(self.command(work), self.draw(rng))
                work.counts["second kills"] += again.killed is not None
                made = self.ended(work, again)
        if not made:
            work.expect(work.store.do("init"), 0)
            self.is_store(work)
        return seen


class Restore(Scene):
    share = 0.11

    def command(self, work):
        return ["restore", SOURCE + "@latest", "--target", work.at("target")]

    def begin(self, work):
        super().begin(work)
        remove(work.at("target"))

    def lines(self):
        return list(self.trees.values())[-1].lines

    def partly(self, work):
        """A file that looks as if it were done must be whole: owner, mode
        and times come last."""
        looks = ("type", "mode", "uid", "gid", "size", "mtime")
        want = dict(map(fields, self.lines()))
        for path, have in map(fields, dump(work.at("target"))):
            known = want.get(path)
            if os.path.basename(path).startswith(UNFINISHED):
                work.counts["unfinished"] += 1
                os.unlink(os.path.join(work.at("target"), path))
            elif not known:
                work.say(f"restored is {path}, which was never pulled")
            elif have["type"] == "f" and have["sha256"] != known["sha256"] \
                    and all(have[k] == known[k] for k in looks):
                work.say(f"{path} looks whole and is not")

    def ended(self, work, seen):
        work.expect(seen.ran, 0 if seen.killed is None else -9)
        if state(work.store.path) != work.before:
            work.say("a restore has changed the store")
        if os.path.exists(work.at("target")):
            self.partly(work)

    def attempt(self, work, place, rng):
        self.begin(work)
        target = work.at("target")
        work.before = state(work.store.path)
        seen = work.run(self.command(work), place)
        self.ended(work, seen)
        if os.path.exists(target) and os.listdir(target):
            before = state(target)
            work.refused("target-exists", work.store.do(*self.command(work)))
            if state(target) != before:
                work.say("a refused restore has changed something")
        again = [*self.command(work), "--overwrite"]
        for _ in range(self.recoveries if seen.killed is not None else 0):
            second = work.run(again, self.draw(rng))
            work.counts["second kills"] += second.killed is not None
            self.ended(work, second)
        work.expect(work.store.do(*again), 0)
        work.counts["restores"] += 1
        if dump(target) != self.lines():
            work.say("the restore that went through is not what was pulled")
        return seen


class Mount(Scene):
    share = 0.1

    def command(self, work):
        return ["mount", work.at("mnt")]

    def begin(self, work):
        super().begin(work)
        os.makedirs(work.at("mnt"), exist_ok=True)

    def is_mounted(self, work):
        with open("/proc/self/mounts", encoding="utf-8") as f:
            return any(line.split()[1] == work.at("mnt") for line in f)

    def look(self, work, place=None):
        """Mount, read all, unmount. Reading is left to processes that can be
        killed if they hang."""
        command = self.command(work)
        words = work.words(command, place)
        child = subprocess.Popen(words, env=work.store.env(),
                                 stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        until = time.monotonic() + HANGS
        while child.poll() is None and not self.is_mounted(work) and \
                time.monotonic() < until:
            time.sleep(0.002)
        read = self.read(work) if self.is_mounted(work) else None
        if self.is_mounted(work):
            self.unmount(work)
        elif place:
            # Whoever waited for the one that was killed has taken it down.
            read = None
        try:
            out, err = child.communicate(timeout=HANGS)
            status = child.returncode
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            status = "hang"
        seen = work.seen(wall.Ran(words, status, out, err), command)
        self.ended(work, seen, place, read)
        return seen

    def unmount(self, work):
        """Whoever waits for the one that was killed may look at the mount in
        this moment, or take it down."""
        until = time.monotonic() + HANGS
        while self.is_mounted(work):
            ran = run(["umount", work.at("mnt")])
            if ran.status != 0 and time.monotonic() > until:
                work.expect(ran, 0)
                return
            time.sleep(0 if ran.status == 0 else 0.01)

    def read(self, work):
        path = os.path.join(work.at("mnt"), SOURCE, "latest")
        return run([sys.executable, wall.treedump.__file__, "--no-holes",
                    path + "/"])

    def ended(self, work, seen, place, read):
        if seen.killed is None:
            work.expect(seen.ran, 0)
        elif place.process == 0:
            work.expect(seen.ran, -9)
        else:
            # It had gone into the background, or the one that waits for it
            # finds that it does not answer, or by which signal it ended.
            work.expect(seen.ran, 0, 1, -9)
        if read and read.status == 0:
            if read.out.decode().splitlines() != self.lines():
                work.say(f"mounted is other than what was pulled: {read}")
        elif seen.killed is None:
            work.say(f"the mount cannot be read: {read}")
        elif read and not any(e in read.err for e in GONE):
            work.say(f"it was killed, and the mount answers otherwise: {read}")
        if self.is_mounted(work) or os.listdir(work.at("mnt")):
            work.say("the mountpoint is not as it was")

    def lines(self):
        return list(self.trees.values())[-1].lines

    def attempt(self, work, place, rng):
        self.begin(work)
        before = state(work.store.path)
        seen = self.look(work, place)
        for _ in range(self.recoveries if seen.killed is not None else 0):
            second = self.look(work, self.draw(rng))
            work.counts["second kills"] += second.killed is not None
        if seen.killed is not None:
            self.look(work)
        if state(work.store.path) != before:
            work.say("a mount has changed the store")
        return seen


# ---- the trees that are pulled ----

def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def make_tree(path, rng):
    """Some of everything; a file of several chunks."""
    os.makedirs(os.path.join(path, "a", "deep", "er"))
    os.mkdir(os.path.join(path, "b"))
    write(os.path.join(path, "a", "empty"), b"")
    write(os.path.join(path, "a", "one"), b"1")
    write(os.path.join(path, "a", "deep", "text"), b"to whom it may " * 900)
    write(os.path.join(path, "b", "large"), rng.randbytes(400000))
    write(os.path.join(path, "b", "changes"), rng.randbytes(3000))
    write(os.path.join(path, "b", "goes"), rng.randbytes(5000))
    os.link(os.path.join(path, "b", "goes"), os.path.join(path, "a", "goes"))
    os.symlink("../b/large", os.path.join(path, "a", "link"))
    os.mkfifo(os.path.join(path, "a", "deep", "er", "fifo"))
    os.chmod(os.path.join(path, "a", "one"), 0o640)
    with open(os.path.join(path, "hole"), "wb") as f:
        f.truncate(1 << 20)
        f.seek(300000)
        f.write(rng.randbytes(200))
    try:
        os.setxattr(os.path.join(path, "b"), "user.deed", b"sealed")
    except OSError:             # not on every file system
        pass


def change_tree(path, rng):
    write(os.path.join(path, "b", "changes"), rng.randbytes(90000))
    write(os.path.join(path, "b", "new"), rng.randbytes(70000))
    os.unlink(os.path.join(path, "a", "goes"))
    os.rename(os.path.join(path, "a", "deep"), os.path.join(path, "deep"))


def make_large(path, rng):
    """More than a data pack holds."""
    os.makedirs(os.path.join(path, "first"))
    os.mkdir(os.path.join(path, "second"))
    for i in range(9):
        folder = "first" if i < 5 else "second"
        write(os.path.join(path, folder, str(i)), rng.randbytes(8 << 20))


def listing(store, snapshot):
    """All that ls says, as a set of lines."""
    ran = store.do("ls", "--json", "--recursive", snapshot)
    if ran.status != 0:
        raise RuntimeError(str(ran))
    return set(ran.out.decode(errors="surrogateescape").splitlines())


def pulled(store, source):
    """Pull it, and tell what it is."""
    ran = store.pull(SOURCE, source)
    if ran.status != 0:
        raise RuntimeError(str(ran))
    told = json.loads(ran.out)
    return Tree(dump(source), state(source), told["root"],
                listing(store, told["id"]))


def scenes(w):
    """The stores that they begin with are of one make, so that the same tree
    has the same root in all of them."""
    rng = random.Random(w.options.seed)
    one, two, large = w.path("one"), w.path("two"), w.path("large")
    make_tree(one, rng)
    copy(one, two)
    change_tree(two, rng)
    make_large(large, rng)
    # What has changed just before, by whole seconds, is not believed
    # to be unchanged.
    time.sleep(3.1)
    empty, first, second = (w.store(n) for n in ("empty", "first", "second"))
    empty.make()
    trees = {}
    copy(empty.path, first.path)
    trees[one] = pulled(first, one)
    copy(first.path, second.path)
    trees[two] = pulled(second, two)
    copy(empty.path, w.path("third"))
    sealing = {large: pulled(w.store("third"), large)}
    remove(w.path("third"))
    yield Pull("first", empty.path, trees, one, 0.2)
    yield Pull("changed", first.path, trees, two, 0.25)
    yield Pull("unchanged", first.path, trees, one, 0.12)
    many = Pull("sealing", empty.path, sealing, large, 0.12)
    many.main_alone = True
    yield many
    yield Init("init", None, trees)
    yield Restore("restore", second.path, trees)
    if os.geteuid() != 0:
        print("kills: no mount without root", flush=True)
    elif not os.path.exists(FUSE):
        w.violation(f"the mount cannot be tried: {FUSE} is not there")
    else:
        yield Mount("mount", second.path, trees)


# ---- the run ----

class Runner:
    """Tries points, on each processor a process of its own: with tracer and
    traced on two of them a call costs five times as much."""

    def __init__(self, w, scene):
        self.wall, self.scene = w, scene
        self.cpus = sorted(os.sched_getaffinity(0))
        self.counts = collections.Counter()
        self.slowest = 0

    def tried(self, points):
        """Try them; place and whether it was reached, of each."""
        found, pipes = [], []
        for i, cpu in enumerate(self.cpus):
            share = points[i::len(self.cpus)]
            if share:
                pipe, end = multiprocessing.Pipe(duplex=False)
                multiprocessing.Process(target=self.work, daemon=True,
                                        args=(cpu, share, end)).start()
                end.close()
                pipes.append(pipe)
        while pipes:
            for pipe in multiprocessing.connection.wait(pipes):
                try:
                    found.append(self.take(*pipe.recv()))
                except EOFError:
                    pipes.remove(pipe)
        for child in multiprocessing.active_children():
            child.join()
        if len(found) < len(points) and self.wall.violations < ENOUGH:
            self.wall.violation(f"{self.scene.name}: {len(points)} points, "
                                f"{len(found)} were tried")
        return found

    def take(self, place, wrong, counts, slowest, killed):
        self.counts.update(counts)
        self.slowest = max(self.slowest, slowest)
        for text in wrong:
            self.wall.violation(f"{self.scene.name},{place_name(place)} "
                                f"({self.scene.program(place)}): {text}")
        return place, killed

    def work(self, cpu, places, end):
        """In a process of its own. It gives up when there is enough."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.sched_setaffinity(0, {cpu})
        work, failed = Work(self.wall.build, self.wall.path(f"w{cpu}")), 0
        for place in places:
            end.send(self.attempt(work, place))
            failed += bool(work.wrong)
            if failed >= ENOUGH:
                return

    def attempt(self, work, place):
        work.wrong, work.counts = [], collections.Counter()
        work.slowest = 0
        seed = f"{self.wall.options.seed} {self.scene.name} {place}"
        killed = True
        try:
            seen = self.scene.attempt(work, place, random.Random(seed))
            killed = seen.killed is not None
            work.counts["first kills" if killed else "not reached"] += 1
        except Exception as e:  # a point that failed, as any other
            work.say(f"{type(e).__name__}: {e}")
        if work.wrong:
            self.keep(work, place)
        return place, work.wrong, work.counts, work.slowest, killed

    def keep(self, work, place):
        kept = self.wall.path(
            f"{self.scene.name}-{place_name(place)}".replace(":", "-"))
        if not os.path.exists(kept):
            os.rename(work.path, kept)
            os.mkdir(work.path)
            shutil.copy(os.path.join(kept, "passphrase"), work.path)

    def costs(self, points):
        """Seconds that a point takes, all processors at it."""
        began = time.monotonic()
        self.tried(points)
        return (time.monotonic() - began) / max(1, len(points))


def to_the_end(runner, scene):
    """Of each thread go on where the places end, until one is not reached."""
    going = [Place(*key, len(calls) + 1)
             for key, (_, calls) in scene.threads.items()]
    while going and runner.wall.violations < ENOUGH:
        going = [Place(p.process, p.thread, p.call + 1)
                 for p, killed in runner.tried(going) if killed]


def share_of(w, runner, places, seconds):
    """Try each k-th of them; k."""
    if not places:
        return 0
    sample = [] if w.options.all else \
        w.random.sample(places, min(len(places), SAMPLE * len(runner.cpus)))
    cost = runner.costs(sample) if sample else 0
    k, _ = w.every(len(places), cost,
                   max(cost, seconds - cost * len(sample)))
    k = min(k, len(places))
    runner.tried(places[w.random.randrange(k)::k])
    return k


def run_scene(w, scene):
    scene.learn(Work(w.build, w.path("w0")))
    scene.recoveries = 3 if w.options.all else 1
    seconds = scene.share * w.options.seconds
    runner = Runner(w, scene)
    changing, others = scene.places("1"), scene.places("0")
    k = share_of(w, runner, changing, seconds * CHANGING)
    others_k = share_of(w, runner, others, seconds * (1 - CHANGING))
    if not scene.main_alone:
        to_the_end(runner, scene)
    did = dict(runner.counts)
    print(f"{scene.name}: k = {k} of {len(changing)} calls that may change "
          f"something, k = {others_k} of {len(others)} others: {did}; the "
          f"other processes end within {runner.slowest} ms", flush=True)
    return {"k": k, "k_others": others_k,
            "calls": len(changing) + len(others), **did,
            "slowest_ms": runner.slowest}


def one_point(w, at):
    name, place = at.split(",")
    scene = next(s for s in scenes(w) if s.name == name)
    scene.learn(Work(w.build, w.path("w0")))
    scene.recoveries = 3 if w.options.all else 1
    runner = Runner(w, scene)
    runner.tried([Place(*map(int, place.split(":")))])
    w.end(tried=runner.counts["first kills"], **runner.counts)


def main():
    w = Wall("kills", __doc__.splitlines()[0],
             lambda p: p.add_argument("--at", metavar="SCENE,PLACE"))
    if w.options.at:
        one_point(w, w.options.at)
    found = {}
    for scene in scenes(w):
        if w.violations < ENOUGH:
            found[scene.name] = run_scene(w, scene)
    total = {what: sum(s.get(what, 0) for s in found.values())
             for what in ("first kills", "second kills", "checks",
                          "restores")}
    print(", ".join(f"{n} {what}" for what, n in total.items()), flush=True)
    w.end(tried=total["first kills"], **total,
          k={name: s["k"] for name, s in found.items()}, scenes=found)


if __name__ == "__main__":
    main()
