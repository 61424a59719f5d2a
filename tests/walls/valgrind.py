#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memcheck over the whole command line.

Every verb with its options, and a command for each error of docs/errors.md,
but those that UNMET gives a reason for; with the children and the processes
in the background: no wrong access, no memory lost (definitely, indirectly or
possibly), no descriptor left open. Nothing is suppressed. Each must end as it
says here. Each k-th command is run; --all runs every one.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import small
from wall import TOOLS, Wall, copy, remove, run

COST = 2.7                      # seconds a command
HANGS = 300
MEMCHECK = ["valgrind", "--leak-check=full", "--track-fds=yes",
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible",
            "--error-exitcode=99", "--trace-children=yes",
            # What stands in for other programs is not looked at.
            "--trace-children-skip=*/ssh,*/slow,*/hostile,*/others,*/false,"
            "*/echo,*/fusermount3,*/mount,*/umount"]
DONE, FAILED, INCOMPLETE = 0, 1, 3
STATUS = {"usage": 2, "restore-incomplete": INCOMPLETE}     # others: 1
NAMED = re.compile(rb"\[([a-z-]+)\]$", re.M)
PAGE = os.path.join(os.path.dirname(TOOLS), "../docs/errors.md")


class Command:
    """Words of muniment; their status, or the error that they end in; what is
    done to the store before; what happens while it runs. says: a name that
    another line ends in; within: words of a program that starts it."""

    def __init__(self, words, end, before=None, beside=None, says=None,
                 within="", **env):
        self.words, self.within = words.split(), within
        self.name = end if isinstance(end, str) else None
        self.status = STATUS.get(end, 1) if self.name else end
        self.says, self.before, self.beside = says, before, beside
        self.env = env

    def possible(self):
        """Some need root."""
        return os.geteuid() == 0 or not (
            self.before is small_disk or "unshare" in self.within or
            "setpriv" in self.within)

    def names(self):
        return {self.name, self.says} - {None}

    def wrong(self, ran):
        """How it ended otherwise."""
        if ran.status != self.status:
            return f"status {ran.status}, and not {self.status}"
        named = [n.decode() for n in NAMED.findall(ran.err)]
        # What goes on after SIGTERM may say more; the last line counts.
        if self.name and (not named or named[-1] != self.name):
            return f"it ends in {named}, and not in {self.name}"
        if self.says and f"[{self.says}]\n".encode() not in \
                ran.err + ran.out:
            return f"it does not say {self.says}"
        return None


class Bench:
    """A store in memory as each command finds it, and its surroundings."""

    def __init__(self, wall):
        self.wall = wall
        self.store = wall.store()
        self.kept = wall.path("kept")
        self.logs = wall.path("logs")
        self.agent = os.path.join(wall.build, "tests/walls/agent")
        self.held = -1          # the store's lock, while a command runs
        self.names = {"SRC": wall.path("source"), "OUT": wall.path("out"),
                      "MNT": wall.path("mnt"), "NONE": wall.path("none"),
                      "FULL": wall.path("full"), "NEW": wall.path("new"),
                      "STORE": self.store.path, "AGENT": self.agent,
                      "SLOW": wall.path("slow"), "WRONG": wall.path("wrong"),
                      "HOSTILE": wall.path("hostile"),
                      "DESK": wall.path("desk"), "EMPTY": wall.path("empty"),
                      "INSIDE": wall.path("source/mnt")}
        self.fill()

    def fill(self):
        source, full = self.names["SRC"], self.names["FULL"]
        os.makedirs(os.path.join(source, "folder", "cache"))
        for name in ("FULL", "INSIDE", "DESK"):
            os.makedirs(self.names[name])
        self.write(os.path.join(full, "there"), b"x")
        self.write(os.path.join(source, "folder/cache/CACHEDIR.TAG"),
                   b"Signature: 8a477f597d28d172789f06886806bc55")
        for i in range(20):
            self.write(os.path.join(source, "folder", f"file {i}"),
                       os.urandom(4000 * i))
        self.write(os.path.join(source, "large"), os.urandom(3 << 20))
        os.link(os.path.join(source, "large"),
                os.path.join(source, "folder/linked"))
        os.symlink("large", os.path.join(source, "link"))
        os.mkfifo(os.path.join(source, "fifo"))
        with open(os.path.join(source, "hole"), "wb") as f:
            f.truncate(1 << 20)
        self.write(self.names["WRONG"], b"another passphrase\n")
        self.script("slow", f': >"{self.names["OUT"]}"\nexec sleep 600')
        self.script("bin/ssh", f'exec "{self.agent}"')
        self.script("bin2/ssh", "exit 255")
        self.script("bin3/ssh",
                    "echo 'Host key verification failed.' >&2\nexit 255")
        self.script("within/full", 'exec "$@" >/dev/full')
        self.script("within/no-program", "mount --bind /dev/null "
                    f"'{self.wall.build}/cli/muniment-read'\nexec \"$@\"")
        self.script("within/no-fuse", "mount --bind /dev/null /dev/fuse\n"
                    'exec "$@"')
        self.script("hostile",
                    f"exec {sys.executable} {TOOLS}/hostile_agent.py")
        self.write(self.names["EMPTY"], b"")
        self.fill_stores()

    def fill_stores(self):
        source, desk = self.names["SRC"], self.names["DESK"]
        for name in ("closed", "open"):
            self.write(os.path.join(desk, name), os.urandom(3000))
        os.chmod(os.path.join(desk, "closed"), 0)
        others = small.agent_of_others(self.wall) or ["--agent", self.agent]
        shutil.copy(others[1], self.wall.path("others"))
        self.names["OTHERS"] = self.wall.path("others")
        self.store.make()
        self.must(self.store.pull("files1", source))
        copy(self.store.path, self.wall.path("early"))
        self.must(self.store.pull("files2", source))
        self.must(self.store.pull("desk", desk, *others), INCOMPLETE)
        shutil.move(self.store.path, self.kept)
        other = self.wall.store("other")
        other.make()
        self.must(other.pull("files1", self.names["FULL"]))

    @staticmethod
    def write(path, content):
        with open(path, "wb") as f:
            f.write(content)

    def script(self, name, text):
        path = self.wall.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.write(path, f"#!/bin/sh\n{text}\n".encode())
        os.chmod(path, 0o755)

    def must(self, ran, status=DONE):
        if ran.status != status:
            self.wall.violation(f"{ran}")
            self.wall.end(tried=0)

    # ---- one command

    def run(self, command):
        for name in ("OUT", "NEW", "MNT"):
            remove(self.names[name])
        remove(self.logs)
        copy(self.kept, self.store.path)
        os.mkdir(self.names["MNT"])
        os.mkdir(self.logs)
        # Each pull has something to seal.
        self.write(os.path.join(self.names["SRC"], "new"), os.urandom(50000))
        if command.before:
            command.before(self)
        words = [self.names.get(w, w) for w in command.words]
        env = self.store.env()
        env.update({k: v.replace("BIN", self.wall.path(""))
                    for k, v in command.env.items()})
        wrapped = MEMCHECK + [f"--log-file={self.logs}/%p.log"]
        beside = None
        if command.beside:
            beside = threading.Thread(target=command.beside, args=(self,))
            beside.start()
        within = [w.replace("WITHIN", self.wall.path("within"))
                  for w in command.within.split()]
        ran = run(within + wrapped + self.store.program(*words), env, HANGS)
        if beside:
            beside.join()
        if self.held >= 0:
            os.close(self.held)
            self.held = -1
        self.unmount()
        wrong = command.wrong(ran)
        if wrong:
            self.wall.violation(f"{wrong}: {ran}")
        return self.look_at(command)

    def unmount(self):
        for name in ("MNT", "NEW"):
            if os.path.ismount(self.names[name]):
                subprocess.run(["umount", self.names[name]], check=True)
        until = time.monotonic() + HANGS
        while self.processes() and time.monotonic() < until:
            time.sleep(0.1)
        for pid in self.processes():
            self.wall.violation(f"process {pid} does not end")

    def processes(self):
        """Those that run below valgrind for this wall."""
        return [int(p) for p in filter(str.isdigit, os.listdir("/proc"))
                if self.logs.encode() in self.words_of(p)]

    @staticmethod
    def words_of(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read()
        except OSError:
            return b""

    def look_at(self, command):
        """Each log must tell of no error and of no descriptor."""
        names = os.listdir(self.logs)
        for name in names:
            with open(os.path.join(self.logs, name), encoding="utf-8",
                      errors="replace") as f:
                text = re.sub(r"(?m)^==\d+== ?", "", f.read())
            what = f"{' '.join(command.words)}: {name}"
            # One that became a program that is not looked at, or was
            # killed, has only its first lines.
            _, _, text = text.partition("Parent PID: ")
            if len(text.split()) > 1 and \
                    "ERROR SUMMARY: 0 errors" not in text:
                self.wall.violation(f"{what}:\n{text[:6000]}")
            for held in re.findall(r"(?m)^Open .*\n(?:   .*\n)*", text):
                if "<inherited from parent>" not in held:
                    self.wall.violation(f"{what}:\n{held}")
        return len(names)


# ---- what is done to the store

def damage(pattern, change):
    """Change each file of that name."""
    def before(bench):
        subprocess.run(["chattr", "-R", "-f", "-i", bench.store.path],
                       check=False)
        for folder, _, names in os.walk(bench.store.path):
            for name in names:
                path = os.path.join(folder, name)
                if re.search(pattern, os.path.relpath(path,
                                                      bench.store.path)):
                    os.chmod(path, 0o600)
                    change(path)
    return before


def flip(path):
    with open(path, "r+b") as f:
        middle = os.fstat(f.fileno()).st_size // 2
        f.seek(middle)
        byte = f.read(1)[0]
        f.seek(middle)
        f.write(bytes([byte ^ 0x10]))


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


PACKS, MANIFESTS = "^packs/", "^manifests/"
LEAVES, TILES = "^ledger/leaves", "^ledger/hash"
CHECKPOINT, VAULT = "^ledger/checkpoint", "^keys/vault"
RECIPIENT, CONF = "^keys/recipient", "^store.conf"


def bad_cache(bench):
    no_cache(bench)
    Bench.write(os.path.join(bench.store.path, "cache"), b"")


def expose(path):
    os.chmod(path, 0o644)


def longer(path):
    with open(path, "ab") as f:
        f.write(b"what a crash left")


def later(path):
    with open(path, "r+b") as f:
        text = f.read()
        f.seek(0)
        f.write(text.replace(b"\nformat 1\n", b"\nformat 2\n"))


def from_store(name, *what, only=False):
    """These of another store take the place of this one's: whole, or with
    only, what one file has in a file of that kind."""
    def before(bench):
        subprocess.run(["chattr", "-R", "-f", "-i", bench.store.path],
                       check=False)
        for part in what:
            here = os.path.join(bench.store.path, part)
            there = os.path.join(bench.wall.path(name), part)
            if only:
                here, there = first_file(here), first_file(there)
                os.chmod(here, 0o600)
                shutil.copyfile(there, here)
            else:
                copy(there, here)
    return before


def more_of(what):
    """Those of another store beside this one's."""
    def before(bench):
        subprocess.run(["cp", "-a", os.path.join(
            bench.wall.path("other"), what), bench.store.path], check=True)
    return before


def first_file(folder):
    return min(os.path.join(base, name)
               for base, _, names in os.walk(folder) for name in names)


def new_disk(bench, size):
    new = bench.names["NEW"]
    os.mkdir(new)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", new],
                   check=True)
    return new


def copied(bench, size):
    bench.names["COPY"] = os.path.join(new_disk(bench, size), "store")
    copy(bench.store.path, bench.names["COPY"])


def small_disk(bench):
    """The store, on a disk without room."""
    copied(bench, "24m")


def read_only(bench):
    """The store, on a disk that cannot be written."""
    copied(bench, "200m")
    subprocess.run(["mount", "-o", "remount,ro", bench.names["NEW"]],
                   check=True)


def small_target(bench):
    new_disk(bench, "1m")


def no_cache(bench):
    remove(os.path.join(bench.store.path, "cache"))


def target_there(bench):
    os.mkdir(bench.names["OUT"])
    Bench.write(os.path.join(bench.names["OUT"], "large"), b"older")


# ---- what happens meanwhile

def pulling(bench):
    """The process that pulls, once its agent runs or it waits."""
    for pid in bench.processes():
        try:
            held = [os.readlink(f"/proc/{pid}/fd/{n}")
                    for n in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if b"muniment-pull" in bench.words_of(pid) and (
                os.path.exists(bench.names["OUT"]) or
                bench.held >= 0 and
                os.path.join(bench.store.path, "ledger") in held):
            return pid
    return None


def stop(bench, which=pulling):
    """Tell it to end."""
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        pid = which(bench)
        if pid:
            os.kill(pid, signal.SIGTERM)
            return
        time.sleep(0.01)


def restoring(bench):
    """The process that restores, once the target is there."""
    if not os.path.exists(bench.names["OUT"]):
        return None
    return next((pid for pid in bench.processes()
                 if b"muniment-read" in bench.words_of(pid)), None)


def stop_restore(bench):
    stop(bench, restoring)


def read_mount(bench):
    """Read all of it, what cannot be read too, and unmount."""
    point = bench.names["MNT"]
    until = time.monotonic() + HANGS
    while not os.path.ismount(point) and time.monotonic() < until:
        time.sleep(0.05)
    for folder, _, names in os.walk(point):
        for name in names:
            path = os.path.join(folder, name)
            try:
                os.lstat(path)
                os.listxattr(path, follow_symlinks=False)
                if os.path.islink(path):
                    os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as f:
                        while f.read(1 << 17):
                            pass
            except OSError:
                pass            # damaged, as it shall be
    subprocess.run(["umount", point], check=False)


def held_by_another(bench):
    """Another process writes: this one."""
    bench.held = os.open(os.path.join(bench.store.path, "ledger"),
                         os.O_RDONLY)
    fcntl.flock(bench.held, fcntl.LOCK_EX)


PULL = "pull --agent AGENT --source files1 "
S = "files1@latest"

COMMANDS = [
    # The dispatcher and its words.
    Command("--help", DONE), Command("--version", DONE),
    Command("", "usage"), Command("frobnicate", "usage"),
    Command("help pull", DONE), Command("restore --help", DONE),
    # pull
    Command(PULL + "SRC", DONE),
    Command(PULL + "--json --exclude *.tmp --exclude /folder/file* "
            "--exclude-caches --cross-file-systems SRC", DONE),
    Command("pull --agent AGENT --source new SRC", DONE),
    Command(PULL + "SRC", DONE, no_cache),
    Command(PULL + "SRC", DONE, damage("^cache/index/.*(sst|log)$", flip)),
    Command(PULL + "SRC", DONE, damage("^cache/stat/.*(sst|log)$", flip)),
    Command(PULL + "SRC", DONE, damage("^cache/.*/CURRENT$", cut)),
    Command(PULL + "SRC", DONE, damage(PACKS, flip)),
    Command(PULL + "me@there:/etc/ssh", DONE, PATH="BIN/bin:/usr/bin"),
    Command(PULL + "me@there:/etc", "ssh-failed", PATH="BIN/bin2:/usr/bin"),
    Command(PULL + "NONE", "source-missing"), Command(PULL, "usage"),
    Command("pull --source files1 --agent NONE SRC", "agent-missing"),
    Command("pull --source files1 --agent /bin/false SRC", "agent-died"),
    # It answers, or is gone before anything is read.
    Command("pull --source files1 --agent /bin/echo SRC", FAILED),
    Command("pull --source Not/a/name SRC", "source-name"),
    Command(PULL + "STORE", "usage"),
    Command("pull --source files1 --agent SLOW SRC", "interrupted",
            beside=stop),
    Command(PULL + "SRC", "ledger-damaged", damage(LEAVES, flip)),
    Command(PULL + "SRC", DONE, damage(TILES, flip)),
    Command(PULL + "SRC", "checkpoint-damaged", damage(CHECKPOINT, cut)),
    Command(PULL + "SRC", "key-damaged", damage(VAULT, flip)),
    Command(PULL + "SRC", "key-missing", damage(VAULT, os.unlink)),
    Command(PULL + "SRC", "store-conf-damaged", damage(CONF, flip)),
    Command(PULL + "SRC", "store-busy", held_by_another),
    Command(PULL + "--wait SRC", "interrupted", held_by_another, stop),
    Command(PULL + "--ssh-config WRONG me@there:/etc/ssh", DONE,
            PATH="BIN/bin:/usr/bin"),
    Command(PULL + "me@there:/etc", "host-key-unknown",
            PATH="BIN/bin3:/usr/bin"),
    Command("pull --agent OTHERS --source desk DESK", INCOMPLETE),
    Command("pull --agent OTHERS --json --source desk DESK", INCOMPLETE),
    Command("pull --agent HOSTILE --source files1 SRC", "agent-version",
            HOSTILE="new-version"),
    Command("pull --agent HOSTILE --source files1 SRC", "agent-protocol",
            HOSTILE="unsorted"),
    Command("pull --agent HOSTILE --source files1 SRC", "agent-died",
            HOSTILE="half-a-file"),
    Command(PULL + "--exclude /x " * 5000 + "SRC", "limit-exceeded"),
    Command(PULL + "SRC", "key-exposed", damage(VAULT, expose)),
    Command(PULL + "SRC", "index-damaged", bad_cache),
    Command(PULL + "SRC", DONE, damage(LEAVES, longer)),
    Command(PULL + "SRC", "store-foreign", from_store("other", "keys/vault")),
    Command(PULL + "SRC", "store-newer", damage(CONF, later)),
    Command(PULL + "--store COPY SRC", "store-full", small_disk),
    Command(PULL + "--store COPY SRC", "store-denied", read_only),
    # What only reads.
    Command("snapshots", "checkpoint-foreign", from_store(
        "other", "ledger/checkpoint")),
    Command("snapshots", "store-newer", damage(CONF, later)),
    Command("snapshots", DONE, says="memory-lock", within="prlimit "
            "--memlock=0 setpriv --bounding-set=-ipc_lock"),
    Command("snapshots", "io", within="WITHIN/full"),
    Command("snapshots", "internal", within="unshare -m WITHIN/no-program"),
    Command("snapshots", DONE), Command("snapshots --json", DONE),
    Command("snapshots", DONE, damage(VAULT, os.unlink)),
    Command("snapshots --store NONE", "store-missing"),
    Command("status", DONE), Command("status --json", DONE),
    Command("status", DONE, damage(VAULT, os.unlink)),
    Command("ls " + S, DONE), Command("ls --recursive " + S, DONE),
    Command("ls --json --recursive " + S, DONE),
    Command("ls --problems " + S, DONE),
    Command("ls --problems desk@latest", DONE),
    Command("ls " + S, "manifest-missing", damage(MANIFESTS, os.unlink)),
    Command(f"ls {S}:/folder", DONE), Command(f"ls {S}:/large", DONE),
    Command(f"ls {S}:/none", "path-unknown"),
    Command("ls none@latest", "snapshot-unknown"),
    Command("ls 0123456789abcdef", "snapshot-unknown"),
    Command("ls --passphrase-file WRONG " + S, "wrong-passphrase"),
    Command("ls --passphrase-file NONE " + S, "passphrase-missing"),
    # The ledger has another copy of it.
    Command("ls " + S, DONE, damage(RECIPIENT, flip)),
    Command("ls --recursive " + S, "pack-missing", damage(PACKS, os.unlink)),
    # verify
    Command("verify", DONE), Command("verify --json", DONE),
    Command("verify --read-data", DONE),
    Command("verify --read-data --json", "pack-damaged", damage(PACKS, flip)),
    Command("verify", "pack-damaged", damage(PACKS, cut)),
    Command("verify", "manifest-damaged", damage(MANIFESTS, flip)),
    Command("verify", "ledger-damaged", damage(LEAVES, flip)),
    Command("verify --read-data --passphrase-file WRONG", "wrong-passphrase"),
    Command("verify", DONE, damage(LEAVES, longer), says="ledger-torn"),
    Command("verify", "pack-damaged", from_store("other", "packs", only=True)),
    Command("verify", "pack-foreign", more_of("packs")),
    Command("verify", "manifest-foreign", more_of("manifests")),
    Command("verify", "ledger-damaged", from_store("early", "ledger"),
            says="leftover"),
    # restore
    Command(f"restore {S} --target OUT", DONE),
    Command(f"restore --json {S}:/folder --target OUT", DONE),
    Command(f"restore {S}:/large --target OUT", DONE),
    Command(f"restore {S} --target OUT", "target-exists", target_there),
    Command(f"restore --overwrite {S} --target OUT", DONE, target_there),
    Command(f"restore {S}:/none --target OUT", "path-unknown"),
    Command(f"restore {S} --target FULL/there/below", "target-bad"),
    Command(f"restore {S} --target NEW", "target-full", small_target),
    Command(f"restore {S} --target OUT", "pack-missing",
            damage(PACKS, os.unlink)),
    Command(f"restore {S} --target OUT", "manifest-damaged",
            damage(MANIFESTS, cut)),
    Command("restore desk@latest --target OUT", "restore-incomplete",
            says="source-unreadable"),
    Command("restore --json desk@latest --target OUT", "restore-incomplete"),
    Command(f"restore {S} --target OUT", "interrupted", beside=stop_restore),
    # mount
    Command("mount MNT", DONE, beside=read_mount),
    Command("mount --foreground MNT", DONE, beside=read_mount),
    Command("mount MNT", DONE, damage(MANIFESTS, flip), read_mount),
    Command("mount --foreground MNT", DONE, damage(PACKS, flip),
            read_mount),
    Command("mount NONE", "mountpoint-bad"),
    Command("mount FULL", "mountpoint-bad"),
    Command("mount STORE", "mountpoint-inside"),
    Command("mount INSIDE", "mountpoint-inside"),
    Command("mount MNT", "mount-failed", within="unshare -m WITHIN/no-fuse"),
    Command("mount --passphrase-file WRONG MNT", "wrong-passphrase"),
    # init
    Command("init --store NEW", DONE),
    Command("init", "store-exists"),
    Command("init --store FULL", "store-not-empty"),
    Command("init --store NEW --passphrase-file NONE", "passphrase-missing"),
]

# Errors that no command of this wall ends in.
UNMET = {
    "no-memory": "memcheck itself would lack it: walls/faults",
    "snapshot-ambiguous": "ids that begin alike are rare: store/ledger",
    "ledger-foreign": "another store's checkpoint is met first: store/ledger",
    "object-damaged": "a pack that fits the ledger lies: walls/swaps",
    "object-missing": "no reference of this program's is loose: view/object",
}


def covered(wall):
    """Each name on the page is met by a command, or has a reason."""
    with open(PAGE, encoding="utf-8") as f:
        known = set(re.findall(r"(?m)^\| `([a-z-]+)` \| [A-Z0-9]+ \|",
                               f.read()))
    met = set().union(*(c.names() for c in COMMANDS))
    for name in sorted(known - met - set(UNMET)):
        wall.violation(f"no command meets {name}")
    for name in sorted((met | set(UNMET)) - known) + sorted(
            met & set(UNMET)):
        wall.violation(f"{name}: not on the page, or met and excused")


def main():
    wall = Wall("valgrind", __doc__)
    covered(wall)
    bench = Bench(wall)
    commands = [c for c in COMMANDS if c.possible()]
    k, first = wall.every(len(commands), COST, wall.options.seconds)
    tried = processes = 0
    for command in commands[first::k]:
        processes += bench.run(command)
        tried += 1
    print(f"valgrind: each {k}. of {len(commands)} commands")
    wall.end(tried=tried, k=k, commands=len(commands), processes=processes)


if __name__ == "__main__":
    sys.exit(main())
