#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The fault loop: each operation of each process fails once, and from then on.

A point is a scene and a plan of util/hook.h: "changed muniment-pull/pwrite:5:EIO"
is the pull of a changed tree in which the fifth pwrite of muniment-pull fails.
The operations are counted first, by a run that only tells of them. Each kind is
failed on its own by every errno that it may meet; then all kinds from the n-th
operation on, as on a disk that died.

What the hook does not see, as all of RocksDB, is failed by strace: at "first
strace-pull/fsync:3:EIO" the kernel refuses the third fsync of each thread of
muniment-pull.

The scenes: init, pulls (first, changed, unchanged, without cache/index, without
cache/, over what a power cut left of the one before), restore, mount and its
reading, verify (also over what was cut off), verify --read-data, snapshots,
ls, status.

After each: no hang, no signal, one line that names an error, and not one of the
other side: what fails in the agent is of the source, what fails between the
agent and the pull is of that line, anything else is of neither. The checker
finds nothing, and every earlier snapshot is there. Status 0 means that
everything is as without the fault: roots are compared, restored and mounted
trees read; what fails of writing the store or a target, or of reading the
source, is never passed over, and a call that was interrupted or cut short
always. What else was passed over, with the right result, is counted:
"struck_status_0". Then the next command, unhindered,
gives what it should. What only reads has not changed the store.

The build must have the option "faults". With --all every point is tried, and of
each plan further ones until a run ends without having met it. --at "SCENE PLAN"
does one point alone.
"""

import ctypes
import hashlib
import json
import math
import multiprocessing
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter, namedtuple

import wall
from wall import HANGS, Ran, Wall, copy, dump, remove, run

SOURCE = "files"
# The pull that follows, and a restore of it, after every so many points.
FOLLOWED = 8
ENOUGH = 40                     # violations, then the run ends
GOLDEN = 0.6180339887           # steps of it fall evenly, however many
SUBREAPER = 36                  # PR_SET_CHILD_SUBREAPER

ERRORS = {
    "EIO": "open read pread write pwrite send recv fsync truncate rename link "
           "unlink mkdir stat mmap",
    "EINTR": "open read pread write pwrite send recv fsync truncate rename "
             "unlink mkdir stat",
    "ENOSPC": "open write pwrite fsync truncate rename mkdir",
    "SHORT": "read pread write pwrite send recv",
    "ENOMEM": "alloc mmap",
    "EAGAIN": "spawn",
}
# From the n-th on. "any" stands for the disk, or the machine, as a whole.
STICKY = {
    "EIO": "any",
    "EINTR": "open read pread write pwrite send recv rename unlink mkdir",
    "ENOSPC": "open write pwrite fsync mkdir",
    "SHORT": "read pread write pwrite send recv",
    "ENOMEM": "alloc",
    "EAGAIN": "spawn",
}
# Of the kernel, by strace; once and from the n-th on.
TRACED = {
    "strace-init": {
        "EIO": "openat write fsync renameat2 mkdirat unlinkat getdents64 "
               "fchmod",
        "ENOSPC": "openat write fsync renameat2 mkdirat",
    },
    "strace-pull": {
        "EIO": "openat read pread64 write pwrite64 fsync fdatasync ftruncate "
               "rename renameat2 unlink unlinkat mkdir mkdirat fchmod "
               "getdents64 flock ioctl newfstatat fstatfs sync_file_range",
        "ENOSPC": "openat write pwrite64 fsync fdatasync rename renameat2 "
                  "mkdir mkdirat",
        "EAGAIN": "clone3",
    },
    "strace-agent": {
        "EIO": "openat statx newfstatat getdents64 pread64 read write lseek "
               "readlinkat flistxattr llistxattr fgetxattr lgetxattr poll "
               "pipe2 fchdir",
    },
    "strace-read": {
        "EIO": "openat pread64 write pwrite64 ftruncate mkdirat symlinkat "
               "linkat mknodat fchown fchownat fchmod utimensat fsetxattr "
               "lsetxattr syncfs getdents64 unlinkat",
        "ENOSPC": "openat pwrite64 ftruncate mkdirat symlinkat linkat mknodat "
                  "fsetxattr",
    },
}
# What fails of these is always told: they are of the store, of the target or
# of the source, for the hook does not see what RocksDB writes. Of the rest
# status 0 is right when the result is, which is compared: a pack that cannot
# be read is stored again, a cache that cannot be opened is done without, the
# mode of a folder is given once more at the end.
TOLD = {
    "muniment-init": "open read write pwrite fsync rename unlink mkdir stat "
                     "mmap alloc",
    "muniment-pull": "write pwrite send recv fsync rename truncate mkdir mmap "
                     "spawn",
    "muniment-read": "write pwrite fsync rename truncate link mkdir mmap",
    "muniment-agent": "open pread send recv stat",
    "muniment-mount": "mmap spawn",
}
# The same of the kernel's calls, for paths there.
TOLD_AT = {
    "strace-init": ("store", "openat write fsync renameat2 mkdirat fchmod "
                             "getdents64"),
    "strace-pull": ("store", "write pwrite64 fsync fdatasync ftruncate rename "
                             "renameat2 mkdir mkdirat"),
    "strace-agent": ("source", "openat statx newfstatat getdents64 pread64 "
                               "read readlinkat flistxattr llistxattr "
                               "fgetxattr lgetxattr"),
    "strace-read": ("target", "openat write pwrite64 ftruncate mkdirat "
                              "symlinkat linkat mknodat fchown fchownat "
                              "utimensat fsetxattr lsetxattr syncfs "
                              "getdents64"),
}
# And these are tried again, or gone on with: nothing comes of it.
TRIED_AGAIN = ("open read pread write pwrite send recv rename unlink "
               "mkdir").split()
# Names of errors that are the source's, its agent's or the way's to it.
OF_SOURCE = re.compile("agent-|source-|ssh-|host-key-")
# The one of the line to the agent, while the agent is well.
OF_LINE = "agent-died"

OLD = b"today's work"
# As treedump.py has it.
OLD_SHA = hashlib.sha256(bytes(8) + OLD.ljust(4096, b"\0")).hexdigest()

Plan = namedtuple("Plan", "program op error sticky")
AGENTS = ("muniment-agent", "strace-agent")
# The machine of the pull dies.
ANYTHING = Plan("muniment-pull", "any", "EIO", True)
Point = namedtuple("Point", "scene plan at")
# What came of one.
Tried = namedtuple("Tried", "struck status silent bad")


def plan_text(plan, at):
    text = f"{plan.program}/{plan.op}:{at}:{plan.error}"
    return text + ":sticky" if plan.sticky else text


def point_name(point):
    return f"{point.scene} {plan_text(point.plan, point.at)}"


def error_names():
    page = os.path.join(wall.HERE, "../../docs/errors.md")
    with open(page, encoding="utf-8") as f:
        return set(re.findall(r"^\| `([a-z-]+)`", f.read(), re.M))


# ---- what is pulled ----

def put(path, data):
    with open(path, "wb") as f:
        f.write(data)


def make_tree(top):
    """One of each kind; content in one piece, in several, with holes."""
    os.makedirs(f"{top}/many/deep/er")
    os.mkdir(f"{top}/none")
    for i in range(12):
        put(f"{top}/many/file-{i}", b"line %d\n" % i * (i * 40))
    put(f"{top}/empty", b"")
    put(f"{top}/pieces", b"".join(i.to_bytes(4, "big") * 3 for i in
                                  range(60000)))
    put(f"{top}/many/deep/er/goes", b"gone in the second state\n" * 9)
    put(f"{top}/many/deep/er/changes", b"first state\n" * 9)
    with open(f"{top}/holes", "wb") as f:
        f.write(b"begin")
        f.seek(500000)
        f.write(b"end")
    os.link(f"{top}/many/file-3", f"{top}/many/deep/linked")
    os.symlink("many/file-1", f"{top}/points")
    os.mkfifo(f"{top}/fifo")
    try:
        os.setxattr(f"{top}/many/file-2", "user.colour", b"green")
    except OSError:
        pass                    # not every file system has them


def change_tree(top):
    os.unlink(f"{top}/many/deep/er/goes")
    put(f"{top}/many/deep/er/changes", b"second state\n" * 9)
    put(f"{top}/many/deep/new", b"new in the second state\n" * 99)
    os.mkdir(f"{top}/none/any")


def settle():
    """What changed within two seconds is not trusted by a pull."""
    time.sleep(3)


# ---- a place where points are tried ----

def listing(ran):
    """What the checker's --list printed: the ledger's head, snapshots."""
    head, snapshots = None, []
    for line in ran.out.decode().splitlines():
        word, *rest = line.split(" ")
        if word == "ledger":
            head = rest[0]
        elif word == "snapshot":
            snapshots.append(tuple(rest))
    return head, snapshots


def by_path(lines):
    """Lines of treedump.py: {path: {field: value}}."""
    found = {}
    for line in lines:
        path, *pairs = line.split(" ")
        found[path] = dict(pair.split("=", 1) for pair in pairs)
    return found


def but_links(fields):
    """Where one name of several is missing, the others show it."""
    return fields and {k: v for k, v in fields.items()
                       if k not in ("nlink", "link")}


def children_named(point):
    """Processes of ours that serve a mount: orphans come to us."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if parent == os.getpid() and os.fsencode(point) in words:
            found.append(int(pid))
    return found


def end_of(pid):
    """The status of a child, None for one that had to be killed."""
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def is_mounted(point):
    with open("/proc/self/mounts", encoding="utf-8") as f:
        return any(line.split()[1] == point for line in f)


def contents(folder):
    """All that there is in a store, and when it was written."""
    found = set()
    for base, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            path = os.path.join(base, name)
            at = os.lstat(path)
            text = b""
            if stat.S_ISREG(at.st_mode):
                with open(path, "rb") as f:
                    text = f.read()
            found.add((os.path.relpath(path, folder), oct(at.st_mode),
                       at.st_mtime_ns, len(text),
                       hashlib.sha256(text).hexdigest()))
    return found


class Place:
    """A folder of a worker: one point after the other is tried here."""

    def __init__(self, prepared, name):
        self.prepared = prepared
        self.path = f"{prepared.top}/{name}"
        os.makedirs(self.path, exist_ok=True)
        self.store = wall.Store(prepared.build, f"{self.path}/store",
                                prepared.pass_file)
        self.told = f"{self.path}/told"
        self.target = f"{self.path}/target"
        self.read = {}          # stores that are read here
        self.bad = []
        self.mute = False       # nothing can be written, nor told

    def wrong(self, text):
        self.bad.append(text)

    def do(self, *words, fault=None, store=None):
        """Run a verb, hindered or not, on a store."""
        store = store or self.store
        env, argv = store.env(), store.program(*words)
        tracer = fault.partition("/")[0] if fault else None
        if tracer in TRACED:
            argv = self.traced(tracer, fault, argv)
        elif fault:
            env.update(MUNIMENT_FAULT=fault, MUNIMENT_FAULT_TOLD=self.told)
        ran = run(argv, env)
        # Verbs have these; muniment-agent's story is the pull's.
        if ran.status not in (0, 1, 3):
            self.wrong(f"how it ended: {ran}")
        ran.read = None         # of a mount: how reading it ended
        return ran

    def pull(self, fault=None):
        return self.do("pull", "--json", "--source", SOURCE,
                       self.prepared.tree, fault=fault)

    def traced(self, tracer, fault, argv):
        """The same with the system calls of one program counted or refused by
        strace, which lets go what that program starts."""
        _, call, at, error, *sticky = re.split("[/:]", fault)
        if error == "TELL":
            calls = {c for ops in TRACED[tracer].values() for c in ops.split()}
            what = ["-e", "trace=" + ",".join(sorted(calls))]
        else:
            when = at + ("+" if sticky else "")
            what = ["-e", f"trace={call}", "-e",
                    f"inject={call}:error={error}:when={when}"]
        strace = ["strace", "-f", "-y", "-qq", "-b", "execve", "-o", self.told,
                  *what]
        folder = os.path.dirname(argv[0])
        if tracer == "strace-agent":
            agent = os.path.join(self.prepared.build, "agent/muniment-agent")
            with open(f"{self.path}/agent", "w", encoding="utf-8") as f:
                f.write(f"#!/bin/sh\nexec {' '.join(strace)} {agent}\n")
            os.chmod(f.name, 0o755)
            return [*argv, "--agent", f.name]
        program = tracer.replace("strace", "muniment")
        verb = [] if program == f"muniment-{argv[1]}" else [argv[1]]
        return [*strace, os.path.join(folder, program), *verb, *argv[2:]]

    def was_told(self):
        """Lines that the hook or strace wrote when a fault was met."""
        try:
            with open(self.told, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        found, begun = [], {}
        for line in lines:
            pid = line.partition(" ")[0]
            # Where another thread came between, the path stands before.
            if line.endswith(" <unfinished ...>"):
                begun[pid] = line
            if line.startswith("muniment"):
                found.append(line)
            elif "INJECTED" in line:
                found.append(begun[pid] if "resumed>" in line else line)
        return found

    def calls_told(self, store):
        """{call: (first, last)} of what strace counted, of the thread that
        made most: from where the store, the source or the target is first
        looked at, so without what loads the program. strace counts by
        thread, and the first one loads: a number that it reaches doing so is
        left out for all."""
        counts, begin, loading = Counter(), False, Counter()
        with open(self.told, encoding="utf-8", errors="replace") as f:
            for line in f:
                found = re.match(r"(\d+) +(\w+)\(", line)
                if not found:
                    continue
                begin = begin or any(
                    path in line for path in
                    (store.path, self.prepared.tree, self.target))
                counts[found.groups()] += 1
                if not begin:
                    loading[found.group(2)] += 1
        return {call: (loading[call] + 1, n)
                for (_, call), n in reversed(counts.most_common())}

    def check(self, after):
        """The checker finds nothing, and what was there still is. The new
        head and snapshots."""
        ran = self.store.check("--list", "--after", after.head)
        if ran.status != 0:
            self.wrong(f"the checker: {ran}")
        head, snapshots = listing(ran)
        if snapshots[:len(after.snapshots)] != after.snapshots:
            self.wrong(f"snapshots were {after.snapshots}: {ran}")
        return head, snapshots

    def one_error(self, ran, verb):
        """The name of the error that the one line on stderr ends in. When
        RocksDB ends the process, it says so first."""
        lines = ran.err.decode(errors="replace").splitlines()
        if lines and "its database gave up" in lines[-1]:
            lines = lines[-1:]
        if not lines and self.mute:
            return None
        named = re.fullmatch(rf"muniment {verb}: .+ \[([a-z-]+)\]",
                             lines[0]) if len(lines) == 1 else None
        if not named or named.group(1) not in self.prepared.errors:
            self.wrong(f"not one line that names an error: {ran}")
        if b"signal" in ran.err:
            self.wrong(f"the agent crashed: {ran}")
        return named and named.group(1)

    def error_of_store(self, ran, verb):
        name = self.one_error(ran, verb)
        if name and OF_SOURCE.match(name):
            self.wrong(f"an error of the store, called one of the source: "
                       f"{ran}")

    def restored(self, snapshot=f"{SOURCE}@latest"):
        """What a snapshot gives, the newest unless told."""
        remove(self.target)
        ran = self.do("restore", snapshot, "--target", self.target)
        return ran, dump(self.target) if ran.status != 1 else []


# ---- the scenes ----

class Scene:
    """Begins with a copy of a prepared store. act is hindered; judge says
    what is wrong with how it ended."""

    begin = "second"            # the prepared store
    verb = None
    tracers = ()                # of TRACED

    def ready(self, place):
        copy(place.prepared.stores[self.begin].path, place.store.path)

    def before(self, place):
        return place.prepared.stores[self.begin]

    def store(self, place):
        """The one that act works on."""
        return place.store

    def learn(self, place, ran):
        """What an untouched run gives."""

    def act(self, place, fault):
        raise NotImplementedError

    def judge(self, place, ran, point, struck):
        raise NotImplementedError

    def judge_unchanged(self, place, ran):
        """Where nothing may change, nothing has."""

    def follow(self, place):
        """What comes next goes as it should."""


class Init(Scene):
    verb = "init"
    tracers = ("strace-init",)

    def ready(self, place):
        remove(place.store.path)

    def act(self, place, fault):
        return place.do("init", fault=fault)

    def judge(self, place, ran, point, struck):
        if ran.status != 0:
            place.error_of_store(ran, "init")
        if ran.status == 0 or b"the store was made, but" in ran.err:
            found = place.store.check()
            if found.status != 0:
                place.wrong(f"the checker: {found}")
            return
        left = os.path.isdir(place.store.path) and \
            os.listdir(place.store.path)
        # Where nothing can be removed any more, nothing is removed.
        if left and not point.plan.sticky:
            place.wrong(f"{left} is left: {ran}")
        remove(place.store.path)

    def follow(self, place):
        if not os.path.exists(place.store.path):
            ran = place.do("init")
            if ran.status != 0:
                place.wrong(f"init, unhindered: {ran}")
        ran = place.pull()
        if ran.status != 0:
            place.wrong(f"the first pull: {ran}")


class Pull(Scene):
    verb = "pull"
    tracers = ("strace-pull", "strace-agent")

    def __init__(self, begin, lost=None):
        self.begin, self.lost = begin, lost

    def ready(self, place):
        super().ready(place)
        if self.lost:
            remove(f"{place.store.path}/{self.lost}")

    def act(self, place, fault):
        return place.pull(fault)

    def judge(self, place, ran, point, struck):
        before = self.before(place)
        _, snapshots = place.check(before)
        made = snapshots[len(before.snapshots):]
        of_agent = point.plan.program in AGENTS
        if len(made) > 1 or ran.status in (0, 3) and not made:
            place.wrong(f"it made {made}: {ran}")
        for _, _, _, root, flags in made:
            if flags == "1" and root != place.prepared.root:
                self.judge_other_root(place, ran)
            if flags != "1" and (ran.status != 3 or not of_agent):
                place.wrong(f"incomplete: {ran}")
        if ran.status == 0 and made and made[0][4] != "1":
            place.wrong(f"status 0, but incomplete: {ran}")
        if ran.status == 1:
            self.judge_error(place, ran, point, struck)
        if ran.status == 3 and not place.bad:
            self.judge_problems(place, ran)

    def judge_other_root(self, place, ran):
        """Names of owners may be missing: numbers tell. Nothing else."""
        restored, lines = place.restored()
        if restored.status != 0 or lines != place.prepared.dump:
            place.wrong(f"complete, but not what lies there: {ran}")

    def judge_error(self, place, ran, point, struck):
        """What fails in the agent is of the source, what fails here is not;
        but the line to the agent is read and written here."""
        name = place.one_error(ran, "pull")
        sides = sides_of(place, point.plan, struck)
        side = "line" if name == OF_LINE else \
            "source" if OF_SOURCE.match(name or "") else "store"
        # That of an agent that ended is the line's as well.
        if name and side not in sides and not (side == "line" and
                                               "source" in sides):
            place.wrong(f"an error of the {' or the '.join(sorted(sides))}, "
                        f"called one of the {side}: {ran}\n{struck[:3]}")

    def judge_problems(self, place, ran):
        """What is not as it lies there is told as a problem."""
        told = place.do("ls", "--problems", "--json", f"{SOURCE}@latest")
        names = [json.loads(line)["name"] for line in told.out.splitlines()]
        if told.status != 0 or not names:
            place.wrong(f"no problem is told: {told}\nof {ran}")
        here = by_path(place.restored()[1])
        there = by_path(place.prepared.dump)
        for path in here.keys() | there.keys():
            if but_links(here.get(path)) == but_links(there.get(path)):
                continue
            if not any(path == name or path.startswith(name + "/")
                       or name == "" or here.get(path, {}).get("type") == "d"
                       and name.startswith(path + "/") for name in names):
                place.wrong(f"{path} is {here.get(path)} instead of "
                            f"{there.get(path)}, problems told: {names}")

    def judge_oldest(self, place):
        """The first one that was acknowledged is as it was pulled."""
        before = self.before(place)
        if not before.snapshots:
            return
        ran, lines = place.restored(before.snapshots[0][2])
        if ran.status != 0 or lines != place.prepared.first_dump:
            place.wrong(f"the restore of the first snapshot: {ran}")

    def follow(self, place):
        ran = place.pull()
        if ran.status != 0 or \
                json.loads(ran.out)["root"] != place.prepared.root:
            place.wrong(f"the next pull: {ran}")
        found = place.store.check("--next")
        if found.status != 0:
            place.wrong(f"the checker after the next pull: {found}")
        ran, lines = place.restored()
        if ran.status != 0 or lines != place.prepared.dump:
            place.wrong(f"the restore of the next pull: {ran}")
        self.judge_oldest(place)


def sides_of(place, plan, struck):
    """Of what a pull met errors: of the source, of the line to its agent, of
    the store and whatever else is here. More than one if all fail from there
    on."""
    if plan.program in AGENTS:
        return {"source"}
    if plan == ANYTHING:
        return {"line", "store"}
    if plan.program not in TRACED:
        return {"line" if plan.op in ("send", "recv") else "store"}
    return {side for path in map(path_of, struck)
            for side in sides_of_path(path, place.prepared.tree)}


def sides_of_path(path, tree):
    if path.startswith("socket:"):
        return ("line",)
    # What the agent says, or how starting it went.
    if path.startswith("pipe:"):
        return ("line", "store")
    return ("source" if is_below(path, tree) else "store",)


def path_of(line):
    """What a line of strace is about: the path of a descriptor, or one that is
    asked for, there or anywhere."""
    found = re.match(r'\d+ +(\w+)\((?:(?:\d+|AT_FDCWD)<(.*?)>)?(?:, )?'
                     r'(?:"(.*?)")?', line)
    call, folder, name = found.groups("") if found else ("", "", "")
    named = not folder or re.search("at2?$|^statx$", call)
    return os.path.join(folder, name) if named else folder


def is_below(path, top):
    return f"{path}/".startswith(f"{top}/")


class Recovery(Pull):
    """What it takes up was cut off in the middle of a commit. The snapshot
    that was acknowledged before is there, whatever fails now."""

    def judge(self, place, ran, point, struck):
        super().judge(place, ran, point, struck)
        self.judge_oldest(place)


class Reading(Scene):
    """A command that only reads: one copy of the store does for all points,
    for none may change it."""

    def ready(self, place):
        self.store(place)

    def store(self, place):
        if self.begin not in place.read:
            copy(self.before(place).path, f"{place.path}/{self.begin}")
            place.read[self.begin] = wall.Store(
                place.prepared.build, f"{place.path}/{self.begin}",
                place.prepared.pass_file)
        return place.read[self.begin]

    def judge_unchanged(self, place, ran):
        here = contents(self.store(place).path)
        there = self.before(place).contents
        if here != there:
            place.wrong(f"a reader changed {sorted(here ^ there)}: {ran}")
            del place.read[self.begin]


class Restore(Reading):
    verb = "restore"
    tracers = ("strace-read",)

    def ready(self, place):
        super().ready(place)
        remove(place.target)

    def act(self, place, fault):
        return place.do("restore", f"{SOURCE}@latest", "--target",
                        place.target, fault=fault, store=self.store(place))

    def judge(self, place, ran, point, struck):
        here, there = self.judge_status(place, ran, point)
        # A file that is there is whole, or it is named, or its removal
        # failed as well.
        for path, found in here.items():
            if found["type"] != "f" or point.plan.sticky or \
                    found["sha256"] == there.get(path, {}).get("sha256"):
                continue
            if f"{path}: ".encode() not in ran.err:
                place.wrong(f"{path} is {found}: {ran}")
        if ran.status == 3 and not point.plan.sticky:
            for path in there.keys() - here.keys():
                if not is_named(path, ran):
                    place.wrong(f"{path} is missing and not named: {ran}")

    def judge_status(self, place, ran, point):
        """What is there, and what was stored."""
        here = by_path(dump(place.target)) \
            if os.path.isdir(place.target) else {}
        there = by_path(place.prepared.dump)
        if ran.status == 0 and here != there:
            place.wrong(f"status 0, but not what was stored: {ran}")
        if ran.status == 1:
            self.judge_error(place, ran, point)
        return here, there

    @staticmethod
    def judge_error(place, ran, point):
        """Where more than one thing failed, what was left out is told
        before."""
        if point.plan.sticky:
            ran.err = last_line(ran.err)
        place.error_of_store(ran, "restore")


class Overwrite(Restore):
    """Where each name is taken already, by what lies there since."""

    def ready(self, place):
        super().ready(place)
        os.mkdir(place.target)
        for path, one in sorted(by_path(place.prepared.dump).items()):
            at = os.path.join(place.target, path)
            if one["type"] == "d":
                os.makedirs(at, exist_ok=True)
            else:
                with open(at, "wb") as f:
                    f.write(OLD)

    def act(self, place, fault):
        return place.do("restore", "--overwrite", f"{SOURCE}@latest",
                        "--target", place.target, fault=fault,
                        store=self.store(place))

    def judge(self, place, ran, point, struck):
        here, there = self.judge_status(place, ran, point)
        for path, new in there.items():
            self.judge_one(place, ran, point, path, here.get(path), new)
        # What cannot be removed is left.
        if not point.plan.sticky and "unlink" not in point.plan.op:
            for path in here.keys() - there.keys():
                place.wrong(f"{path} is left: {ran}")

    @staticmethod
    def judge_one(place, ran, point, path, found, new):
        """It is the old one or the new one, whole."""
        if found is None:
            place.wrong(f"{path} is gone: {ran}")
        elif new["type"] != "d" and found["sha256"] == OLD_SHA:
            if ran.status == 3 and not point.plan.sticky and \
                    not is_named(path, ran):
                place.wrong(f"{path} is the old one and not named: {ran}")
        elif any(found[what] != new[what]
                 for what in ("type", "sha256", "target")):
            place.wrong(f"{path} is {found}: {ran}")


def last_line(text):
    return text[text.rfind(b"\n", 0, -1) + 1:]


def ups(path):
    """A path and all above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield "."


def is_named(path, ran):
    """It, or something above it, has a line."""
    return any(f"\n{up}: ".encode() in b"\n" + ran.err for up in ups(path))


class Told(Reading):
    """What a command prints."""

    def __init__(self, *words, but=(), begin="second"):
        self.words, self.but, self.begin = words, but, begin
        self.verb = words[0]
        self.whole = self.said = None

    def act(self, place, fault):
        return place.do(*self.words, fault=fault, store=self.store(place))

    def essence(self, ran):
        """But for what another moment, or place, may change."""
        return [line for line in re.split(rb"[,{}]", ran.out)
                if not any(name in line for name in self.but)]

    def learn(self, place, ran):
        self.whole = ran
        self.said = self.essence(ran)

    def judge(self, place, ran, point, struck):
        if ran.status == 0 and self.essence(ran) != self.said:
            place.wrong(f"status 0, but it says something else: {ran}")
        if ran.status == 1:
            self.judge_failure(place, ran, point)
        if ran.status == 3:
            place.wrong(f"it left something out: {ran}")

    def judge_failure(self, place, ran, point):
        place.error_of_store(ran, self.verb)


class Listing(Told):
    """It goes on behind what it cannot read, and names that."""

    def judge_failure(self, place, ran, point):
        last = last_line(ran.err)
        place.error_of_store(Ran(ran.words, ran.status, ran.out, last),
                             self.verb)
        here, there = entries(ran), entries(self.whole)
        if not here.keys() <= there.keys():
            place.wrong(f"it lists what is not there: {ran}")
        if b"all else is listed" not in last:
            there = {path: there.get(path) for path in here}
        for path, one in there.items():
            if here.get(path) != one and not is_named(path, ran):
                place.wrong(f"{path} is not as it is, and not named: {ran}")


def entries(ran):
    """What ls printed, by name."""
    return {one["name"]: one
            for one in map(json.loads, ran.out.splitlines())}


class Verify(Told):
    """What could not be read is not damaged: neither in what a program reads
    nor in the line that people read."""

    UNREAD = ("io", "no-memory", "store-full", "store-denied")

    def judge_failure(self, place, ran, point):
        try:
            found = json.loads(ran.out)
        except ValueError:
            place.error_of_store(ran, "verify")
            return
        codes = [one["code"] for one in found["findings"] + found["files"]
                 if not one.get("harmless")]
        name = place.one_error(ran, "verify")
        if name:
            codes.append(name)
        if b"are damaged" in ran.err or not set(codes) <= set(self.UNREAD):
            place.wrong(f"a fault is called damage: {ran}")


class Mount(Reading):
    """Mounted, read whole, unmounted."""

    verb = "mount"

    def ready(self, place):
        super().ready(place)
        os.makedirs(f"{place.path}/point", exist_ok=True)

    def act(self, place, fault):
        point = f"{place.path}/point"
        ran = place.do("mount", point, fault=fault, store=self.store(place))
        if ran.status == 0:
            ran.read = self.read(f"{point}/{SOURCE}/latest/")
        self.end(place, point, ran)
        return ran

    def read(self, top):
        """The tree, as a process of its own reads it: a read may hang."""
        return run([sys.executable, os.path.join(wall.TOOLS, "treedump.py"),
                    "--no-holes", top])

    def end(self, place, point, ran):
        """Unmounted, the server ends by itself; else nothing is left."""
        until = time.monotonic() + HANGS
        servers = children_named(point)
        stands = is_mounted(point)
        if stands != (ran.status == 0):
            place.wrong(f"mounted is {stands}: {ran}")
        while is_mounted(point) and time.monotonic() < until:
            # Busy while somebody else looks at all that is mounted.
            subprocess.run(["umount", point], check=False,
                           stderr=subprocess.DEVNULL)
        for pid in servers:
            status = end_of(pid)
            if status is None:
                place.wrong(f"its server does not end: {ran}")
            elif os.WIFSIGNALED(status):
                place.wrong(f"its server ended by {status}: {ran}")
        if is_mounted(point):
            place.wrong(f"it is still mounted: {ran}")
            subprocess.run(["umount", "-l", point], check=False)

    def judge(self, place, ran, point, struck):
        if ran.status == 1:
            place.error_of_store(ran, "mount")
            return
        if ran.read.status not in (0, 1):
            place.wrong(f"reading: {ran.read}")
            return
        here = by_path(ran.read.out.decode().splitlines())
        there = by_path(place.prepared.dump)
        if not here and ran.read.status == 1:
            return              # its root could not be opened
        for path in here.keys() | there.keys():
            wrong = self.compare(here, path, there.get(path, {}))
            if wrong:
                place.wrong(f"{path}: {wrong}: {ran.read}")

    @staticmethod
    def compare(here, path, there):
        """Every field is right, or an error was told instead."""
        if path not in here:
            for up in ups(path):
                if any("!" in text for text in [
                        *here.get(up, {}).values(),
                        *here.get(f"{up}/?", {}).values()]):
                    return None
            return None if "./?" in here else "missing"
        for field, value in but_links(here[path]).items():
            if value != there.get(field) and not value.startswith("!"):
                return f"{field} is {value} instead of {there.get(field)}"
        return None


SCENES = {
    "init": Init(),
    "first": Pull("empty"),
    "changed": Pull("first"),
    "unchanged": Pull("second"),
    "no-index": Pull("second", "cache/index"),
    "no-cache": Pull("second", "cache"),
    "recovery": Recovery("cut"),
    "restore": Restore(),
    "overwrite": Overwrite(),
    "mount": Mount(),
    "verify": Verify("verify", "--json"),
    "verify-data": Verify("verify", "--read-data", "--json"),
    "verify-cut": Verify("verify", "--json", begin="cut"),
    "snapshots": Told("snapshots", "--json"),
    "ls": Listing("ls", "--recursive", "--json", f"{SOURCE}@latest"),
    "status": Told("status", "--json", but=(b'"store"', b"age_seconds",
                                             b"free_bytes", b"packs_")),
}


# ---- stores to begin with ----

class Prepared:
    """Trees and stores that every point begins with a copy of."""

    def __init__(self, build, top):
        self.build, self.top = build, top
        self.tree = f"{top}/tree"
        self.errors = error_names()
        self.stores = {}
        self.pass_file = None
        make_tree(self.tree)
        store = wall.Store(build, f"{top}/empty")
        self.pass_file = store.pass_file
        store.make()
        self.keep("empty", store)
        settle()
        self.pulled("first", "empty")
        self.first_dump = dump(self.tree)
        change_tree(self.tree)
        settle()
        self.pulled("second", "first")
        self.cut_off("cut", "first")
        self.dump = dump(self.tree)
        self.root = self.stores["second"].snapshots[-1][3]

    def keep(self, name, store):
        ran = store.check("--list")
        if ran.status != 0:
            sys.exit(f"nothing to begin with: {ran}")
        store.head, store.snapshots = listing(ran)
        store.contents = contents(store.path)
        # Or the checker has looked at nothing.
        if store.snapshots and re.search(rb" 0 (objects|index|stat)",
                                         ran.out):
            sys.exit(f"nothing is checked: {ran}")
        self.stores[name] = store

    def pulled(self, name, begin):
        store = wall.Store(self.build, f"{self.top}/{name}", self.pass_file)
        copy(self.stores[begin].path, store.path)
        ran = store.pull(SOURCE, self.tree)
        if ran.status != 0:
            sys.exit(f"nothing to begin with: {ran}")
        self.keep(name, store)

    def cut_off(self, name, begin):
        """What a power cut may leave of a pull: a pack without a leaf, the
        torn half of that leaf, an open pack; and a manifest that has no name
        yet, which one alone cannot leave beside these."""
        store = self.stores[begin]
        told, _ = self.killed(store, "any:1:TELL:sticky", f"{name}-1")
        renames = [i for i, op in enumerate(told) if op == "rename"]
        # The last but one, for its leaf comes after it.
        _, late = self.killed(store, f"rename:{len(renames) - 1}:KILL",
                              f"{name}-2")
        # The pack's is the first that makes a folder before.
        leaf = told.index("pwrite", told.index("mkdir", renames[0]))
        nth = told[:told.index("fsync", leaf)].count("fsync") + 1
        cut = self.killed(store, f"fsync:{nth}:KILL", name)[1]
        leaves = f"{cut.path}/ledger/leaves-00000000"
        os.truncate(leaves, os.path.getsize(leaves) - 20)
        for file in os.listdir(f"{late.path}/manifests"):
            if file.startswith("."):
                shutil.copy2(f"{late.path}/manifests/{file}",
                             f"{cut.path}/manifests/{file}")
        self.keep(name, cut)
        self.is_cut_off(cut)

    def killed(self, begin, fault, name):
        """The operations that a pull told of, and the store that it left."""
        store = wall.Store(self.build, f"{self.top}/{name}", self.pass_file)
        copy(begin.path, store.path)
        told = f"{self.top}/told"
        remove(told)
        store.pull(SOURCE, self.tree, env={
            **store.env(), "MUNIMENT_FAULT": f"muniment-pull/{fault}",
            "MUNIMENT_FAULT_TOLD": told})
        with open(told, encoding="ascii") as f:
            return [line.split(" ")[1] for line in f], store

    @staticmethod
    def is_cut_off(cut):
        """Or there would be nothing to recover."""
        found = cut.check()
        for left in ("leaves-00000000: .* are torn", "no leaf speaks of it",
                     "it has no name yet"):
            if not re.search(left.encode(), found.out):
                sys.exit(f"nothing to recover: {found}")
        if not os.listdir(f"{cut.path}/incoming"):
            sys.exit("nothing to recover: no pack is open")


# ---- points ----

def try_point(place, point, follow):
    """Whether it was struck, and what is wrong."""
    scene = SCENES[point.scene]
    plan = point.plan
    place.bad = []
    place.mute = plan.program in TRACED and plan.op == "write" and plan.sticky
    remove(place.told)
    scene.ready(place)
    ran = scene.act(place, plan_text(plan, point.at))
    struck = place.was_told()
    if ran.status != "hang":
        scene.judge(place, ran, point, struck)
        judge_status(place, ran, plan, struck)
        scene.judge_unchanged(place, ran)
        if follow and not place.bad:
            scene.follow(place)
    return Tried(bool(struck), ran.status, is_silent(ran), place.bad)


def judge_status(place, ran, plan, struck):
    if not struck:
        if ran.status != 0:
            place.wrong(f"no fault was met: {ran}")
    elif plan.error in ("EINTR", "SHORT"):
        if ran.status != 0 and plan.op in TRIED_AGAIN:
            place.wrong(f"it was not tried again: {ran}")
    elif is_silent(ran) and must_be_told(place, plan, struck):
        place.wrong(f"something failed, and nobody is told: {ran}\n"
                    f"{struck[:3]}")


def is_silent(ran):
    """Nobody is told of anything; by a mount neither who reads it."""
    return ran.status == 0 and (ran.read is None or ran.read.status == 0)


def must_be_told(place, plan, struck):
    where, calls = TOLD_AT.get(plan.program, ("", ""))
    if plan.op not in calls.split():
        return plan.op in TOLD.get(plan.program, "").split()
    top = {"store": place.store.path, "source": place.prepared.tree,
           "target": place.target}[where]
    return any(is_below(path, top) and
               not is_below(path, f"{top}/cache") and
               not is_below(path, f"{top}/run")
               for path in map(path_of, struck))


def unhindered(place, name, fault):
    """Run it with a fault that only tells: all is well."""
    scene = SCENES[name]
    place.bad = []
    remove(place.told)
    scene.ready(place)
    ran = scene.act(place, fault)
    if ran.status != 0 or place.bad:
        sys.exit(f"{name}, unhindered: {ran}\n{place.bad}")
    return ran


def count(place, name):
    """Operations of each program, {(program, op): (first, last)}."""
    scene = SCENES[name]
    ran = unhindered(place, name, "any:1:TELL:sticky")
    found = Counter(tuple(line.split(" ")[:2]) for line in place.was_told())
    if not found:
        sys.exit(f"{name}: no operation is told: is this a build with the "
                 f"option faults?\n{ran}")
    scene.learn(place, ran)
    point = Point(name, Plan("nobody", "any", "EIO", False), 1)
    scene.judge(place, ran, point, [])
    scene.judge_unchanged(place, ran)
    scene.follow(place)
    if place.bad:
        sys.exit(f"{name}, unhindered: {place.bad}")
    found = {key: (1, n) for key, n in found.items()}
    for tracer in scene.tracers:
        unhindered(place, name, f"{tracer}/any:1:TELL")
        found.update({(tracer, call): span for call, span in
                      place.calls_told(scene.store(place)).items()})
    return found


def plans_of(counted):
    """Plans, and the first and last point of each."""
    for program in sorted({program for program, _ in counted}):
        total = sum(last for (p, _), (_, last) in counted.items()
                    if p == program)
        once = TRACED.get(program, ERRORS)
        for table, sticky in ((once, False), (TRACED.get(program, STICKY),
                                              True)):
            for error, ops in table.items():
                for op in ops.split():
                    span = (1, total) if op == "any" else \
                        counted.get((program, op))
                    if span:
                        yield Plan(program, op, error, sticky), span


def spread(points, start):
    """All points, so that those up to anywhere are evenly spread."""
    n = len(points)
    step = max(1, round(n * GOLDEN))
    while math.gcd(step, n) != 1:
        step += 1
    return (points[(start + i * step) % n] for i in range(n))


def points_of(scenes):
    return [Point(name, plan, at) for name, counted in scenes.items()
            for plan, (first, last) in plans_of(counted)
            for at in range(first, last + 1)]


# ---- workers ----

WORKER = None                   # a place of this process


def start_worker(prepared):
    global WORKER
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool ends its workers so. A handler of Python's may come to run only
    # once they have the next job, and there is none.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    WORKER = Place(prepared, f"worker-{os.getpid()}")


def do_point(job):
    point, follow = job
    try:
        return point, try_point(WORKER, point, follow)
    except Exception:           # pylint: disable=broad-except
        return point, Tried(True, "none", False, [traceback.format_exc()])


class Loop:
    """Points are given out, and what comes of them is counted."""

    def __init__(self, the_wall):
        self.wall = the_wall
        self.tried = self.untouched = self.followed = 0
        self.by_status = Counter()
        # Struck, and status 0: of what may be passed over, and of calls that
        # were interrupted or cut short.
        self.passed_over, self.tried_again = Counter(), 0
        # Or all jobs would be given out at once.
        self.slots = threading.Semaphore(2 * os.cpu_count())
        self.given_up = False

    def jobs(self, points):
        for point in points:
            self.slots.acquire()
            if self.given_up or self.wall.over() or \
                    self.wall.violations >= ENOUGH:
                return
            self.tried += 1
            follow = self.wall.options.all or self.tried % FOLLOWED == 0
            self.followed += follow
            yield point, follow

    def run(self, pool, points):
        """The points that were not met."""
        try:
            return self.take_results(pool, points)
        except BaseException:
            # Or the pool would wait for its thread, which is in jobs.
            self.given_up = True
            self.slots.release()
            raise

    def take_results(self, pool, points):
        missed = []
        for point, came in pool.imap_unordered(do_point, self.jobs(points)):
            self.slots.release()
            self.by_status[str(came.status)] += 1
            plan = point.plan
            if not came.struck:
                self.untouched += 1
                missed.append(point)
            elif came.silent and plan.error in ("EINTR", "SHORT"):
                self.tried_again += 1
            elif came.silent:
                self.passed_over[f"{plan.program}/{plan.op}"] += 1
            if came.bad:
                self.wall.violation(f"{point_name(point)}: {came.bad[0]}"
                                    f" ({len(came.bad)} in all)")
        return missed

    def until_untouched(self, pool, points):
        """What a run does differs a little: on until it ends untouched."""
        last = {(p.scene, p.plan): p.at for p in points}
        missed = {(p.scene, p.plan) for p in self.run(pool, points)}
        while last.keys() - missed and self.wall.violations < ENOUGH:
            later = [Point(*key, last[key] + 1)
                     for key in last.keys() - missed]
            for point in later:
                last[point.scene, point.plan] = point.at
            missed |= {(p.scene, p.plan) for p in self.run(pool, later)}


def add_options(parser):
    parser.add_argument("--at", metavar="POINT", help="this one alone")
    parser.add_argument("--scene", action="append", choices=SCENES,
                        help="only this one; may be repeated")


def parse_point(text):
    found = re.fullmatch(r"(\S+) (\S+)/(\w+):(\d+):(\w+)(:sticky)?", text)
    if not found or found.group(1) not in SCENES:
        sys.exit(f"no point: {text}")
    scene, program, op, at, error, sticky = found.groups()
    return Point(scene, Plan(program, op, error, bool(sticky)), int(at))


def main():
    the_wall = Wall("faults", __doc__.split("\n", maxsplit=1)[0], add_options)
    options = the_wall.options
    prepared = Prepared(the_wall.build, the_wall.scratch)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    place = Place(prepared, "counting")
    names = options.scene or list(SCENES)
    if options.at:
        names = [parse_point(options.at).scene]
    scenes = {name: count(place, name) for name in names}
    points = points_of(scenes)
    found = {name: sum(p.scene == name for p in points) for name in names}
    print(f"points: {found}, together {len(points)}", flush=True)
    loop = Loop(the_wall)
    with multiprocessing.Pool(os.cpu_count(), start_worker,
                              (prepared,)) as pool:
        if options.at:
            loop.run(pool, [parse_point(options.at)])
        elif options.all:
            loop.until_untouched(pool, points)
        else:
            loop.run(pool, spread(points,
                                  the_wall.random.randrange(len(points))))
    the_wall.end(tried=loop.tried, k=round(len(points) / max(1, loop.tried)),
                 points=len(points), scenes=found, untouched=loop.untouched,
                 struck_status_0=sum(loop.passed_over.values()),
                 passed_over=dict(sorted(loop.passed_over.items())),
                 tried_again=loop.tried_again, followed=loop.followed,
                 statuses=dict(sorted(loop.by_status.items())))


if __name__ == "__main__":
    main()
