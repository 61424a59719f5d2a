#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memcheck over the whole command line.

Every verb with its options, and every way in which it is refused, with the
children and the processes in the background: no wrong access, no memory lost
(definitely, indirectly or possibly), no descriptor left open. Nothing is
suppressed. Each k-th command is run; --all runs every one.
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

from wall import Wall, copy, remove, run

COST = 5.0                      # seconds a command
HANGS = 300
MEMCHECK = ["valgrind", "--leak-check=full", "--track-fds=yes",
            "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible",
            "--error-exitcode=99", "--trace-children=yes",
            # What stands in for other programs is not looked at.
            "--trace-children-skip=*/ssh,*/slow,*/false,*/echo,"
            "*/fusermount3,*/mount,*/umount"]
DONE, FAILED, USAGE = 0, 1, 2


class Command:
    """Words of muniment; the status that they end with; what is done to
    the store before; what happens while it runs."""

    def __init__(self, words, status, before=None, beside=None, **env):
        self.words, self.status = words.split(), status
        self.before, self.beside, self.env = before, beside, env


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
                      "SLOW": wall.path("slow"), "WRONG": wall.path("wrong")}
        self.fill()

    def fill(self):
        source, full = self.names["SRC"], self.names["FULL"]
        os.makedirs(os.path.join(source, "folder", "cache"))
        os.makedirs(full)
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
        self.store.make()
        for name in ("files1", "files2"):
            self.must(self.store.pull(name, source))
        shutil.move(self.store.path, self.kept)

    @staticmethod
    def write(path, content):
        with open(path, "wb") as f:
            f.write(content)

    def script(self, name, text):
        path = self.wall.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.write(path, f"#!/bin/sh\n{text}\n".encode())
        os.chmod(path, 0o755)

    def must(self, ran):
        if ran.status != 0:
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
        ran = run(wrapped + self.store.program(*words), env, HANGS)
        if beside:
            beside.join()
        if self.held >= 0:
            os.close(self.held)
            self.held = -1
        self.unmount()
        if ran.status != command.status:
            self.wall.violation(f"status {ran.status}, and not "
                                f"{command.status}: {ran}")
        return self.look_at(command)

    def unmount(self):
        if os.path.ismount(self.names["MNT"]):
            subprocess.run(["umount", self.names["MNT"]], check=True)
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


def stop(bench):
    """Tell it to end."""
    until = time.monotonic() + HANGS
    while time.monotonic() < until:
        pid = pulling(bench)
        if pid:
            os.kill(pid, signal.SIGTERM)
            return
        time.sleep(0.05)


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
    Command("", USAGE), Command("frobnicate", USAGE),
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
    Command(PULL + "me@there:/etc", FAILED, PATH="BIN/bin2:/usr/bin"),
    Command(PULL + "NONE", FAILED), Command(PULL, USAGE),
    Command("pull --source files1 --agent NONE SRC", FAILED),
    Command("pull --source files1 --agent /bin/false SRC", FAILED),
    Command("pull --source files1 --agent /bin/echo SRC", FAILED),
    Command("pull --source Not/a/name SRC", FAILED),
    Command(PULL + "STORE", USAGE),
    Command("pull --source files1 --agent SLOW SRC", FAILED,
            beside=stop),
    Command(PULL + "SRC", FAILED, damage(LEAVES, flip)),
    Command(PULL + "SRC", DONE, damage(TILES, flip)),
    Command(PULL + "SRC", FAILED, damage(CHECKPOINT, cut)),
    Command(PULL + "SRC", FAILED, damage(VAULT, flip)),
    Command(PULL + "SRC", FAILED, damage(VAULT, os.unlink)),
    Command(PULL + "SRC", FAILED, damage(CONF, flip)),
    Command(PULL + "SRC", FAILED, held_by_another),
    Command(PULL + "--wait SRC", FAILED, held_by_another, stop),
    # What only reads.
    Command("snapshots", DONE), Command("snapshots --json", DONE),
    Command("snapshots", DONE, damage(VAULT, os.unlink)),
    Command("snapshots --store NONE", FAILED),
    Command("status", DONE), Command("status --json", DONE),
    Command("status", DONE, damage(VAULT, os.unlink)),
    Command("ls " + S, DONE), Command("ls --recursive " + S, DONE),
    Command("ls --json --recursive " + S, DONE),
    Command("ls --problems " + S, DONE),
    Command(f"ls {S}:/folder", DONE), Command(f"ls {S}:/large", DONE),
    Command(f"ls {S}:/none", FAILED), Command("ls none@latest", FAILED),
    Command("ls 0123456789abcdef", FAILED),
    Command("ls --passphrase-file WRONG " + S, FAILED),
    Command("ls --passphrase-file NONE " + S, FAILED),
    # The ledger has another copy of it.
    Command("ls " + S, DONE, damage(RECIPIENT, flip)),
    Command("ls --recursive " + S, FAILED, damage(PACKS, os.unlink)),
    # verify
    Command("verify", DONE), Command("verify --json", DONE),
    Command("verify --read-data", DONE),
    Command("verify --read-data --json", FAILED, damage(PACKS, flip)),
    Command("verify", FAILED, damage(PACKS, cut)),
    Command("verify", FAILED, damage(MANIFESTS, flip)),
    Command("verify", FAILED, damage(LEAVES, flip)),
    Command("verify --read-data --passphrase-file WRONG", FAILED),
    # restore
    Command(f"restore {S} --target OUT", DONE),
    Command(f"restore --json {S}:/folder --target OUT", DONE),
    Command(f"restore {S}:/large --target OUT", DONE),
    Command(f"restore {S} --target OUT", FAILED, target_there),
    Command(f"restore --overwrite {S} --target OUT", DONE, target_there),
    Command(f"restore {S}:/none --target OUT", FAILED),
    Command(f"restore {S} --target FULL/there/below", FAILED),
    Command(f"restore {S} --target OUT", FAILED, damage(PACKS, os.unlink)),
    Command(f"restore {S} --target OUT", FAILED, damage(MANIFESTS, cut)),
    # mount
    Command("mount MNT", DONE, beside=read_mount),
    Command("mount --foreground MNT", DONE, beside=read_mount),
    Command("mount MNT", DONE, damage(MANIFESTS, flip), read_mount),
    Command("mount --foreground MNT", DONE, damage(PACKS, flip),
            read_mount),
    Command("mount NONE", FAILED), Command("mount FULL", FAILED),
    Command("mount STORE", FAILED),
    Command("mount --passphrase-file WRONG MNT", FAILED),
    # init
    Command("init --store NEW", DONE),
    Command("init", FAILED), Command("init --store FULL", FAILED),
    Command("init --store NEW --passphrase-file NONE", FAILED),
]


def main():
    wall = Wall("valgrind", __doc__)
    bench = Bench(wall)
    k, first = wall.every(len(COMMANDS), COST, wall.options.seconds)
    tried = processes = 0
    for command in COMMANDS[first::k]:
        processes += bench.run(command)
        tried += 1
    print(f"valgrind: each {k}. of {len(COMMANDS)} commands")
    wall.end(tried=tried, k=k, commands=len(COMMANDS), processes=processes)


if __name__ == "__main__":
    sys.exit(main())
