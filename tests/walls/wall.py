# SPDX-License-Identifier: Apache-2.0
"""What the walls share.

A wall is a program that tries every way it knows to break a store. It has
more ways than time, so it takes every k-th, from a place drawn by the seed,
and says how many it tried:

    python3 faults.py --build DIR [--seconds N | --all] [--seed N]

--build     where the programs were built
--seconds   how long it may take; k follows from that and is printed
--all       all of them, k = 1
--seed      for what is drawn; printed, so that a run can be repeated

The last line that it prints is one JSON object with the name of the wall,
what was tried, and how many violations there were; the exit status is 1 if
there were any, or if nothing was tried.
"""

import argparse
import atexit
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(HERE), "lib")
sys.path.insert(0, TOOLS)
import treedump  # noqa: E402  (a neighbour, not a package)

PASSPHRASE = "walls have no secrets"

# Any command of a small store that takes longer hangs.
HANGS = 60


def clean_env():
    """The caller's environment, without what could steer a test."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("MUNIMENT_")
           and k not in ("SSH_AUTH_SOCK", "MALLOC_PERTURB_")}
    env.update(LC_ALL="C", TZ="UTC0",
               PATH=env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
    return env


def remove(path):
    """Away with it, be it immutable or not there."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        subprocess.run(["chattr", "-R", "-f", "-i", path], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(path)


def copy(source, target):
    """A copy of a tree in place of what is there."""
    remove(target)
    subprocess.run(["cp", "-a", source, target], check=True)


def dump(folder):
    """What treedump.py says of a tree, as lines; holes aside."""
    lines, whole = treedump.describe(folder, ("map",))
    if not whole:
        raise OSError(f"{folder}: not all of it can be read")
    return lines


class Ran:
    """How a command ended. status is negative for a signal, as ever, and
    "hang" when it had to be killed."""

    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err

    def __str__(self):
        return (f"{' '.join(self.words)}: status {self.status}\n"
                f"{self.out.decode(errors='replace')[-2000:]}"
                f"{self.err.decode(errors='replace')[-2000:]}")


def run(words, env=None, seconds=HANGS):
    """Run a command in a session of its own; all of it is killed if it
    takes too long. It holds no folder: where this process stands at the
    moment may be a mount that another thread is about to take down."""
    child = subprocess.Popen(words, env=env or clean_env(), cwd="/",
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             start_new_session=True)
    try:
        out, err = child.communicate(timeout=seconds)
        return Ran(words, child.returncode, out, err)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        try:
            out, err = child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            # Who left the session holds its output.
            out, err = b"", b"(its output does not end)"
        return Ran(words, "hang", out, err)


class Store:
    """A store of the programs in a build folder, and what can be done to
    it. Whatever is handed out is a Ran; nothing is asserted here."""

    def __init__(self, build, path, pass_file=None):
        self.build, self.path = build, path
        self.pass_file = pass_file or os.path.join(os.path.dirname(path),
                                                   "passphrase")
        if not os.path.exists(self.pass_file):
            with open(self.pass_file, "w", encoding="ascii") as f:
                f.write(PASSPHRASE + "\n")

    def env(self, **more):
        env = clean_env()
        env.update(MUNIMENT_STORE=self.path,
                   MUNIMENT_PASSPHRASE_FILE=self.pass_file, **more)
        return env

    def program(self, *words):
        return [os.path.join(self.build, "cli", "muniment"), *words]

    def make(self):
        """A store whose passphrase is cheap to try."""
        remove(self.path)
        # As run does, for the same reason.
        subprocess.run([os.path.join(self.build, "tests/walls/mkstore"),
                        self.path, self.pass_file], check=True, cwd="/")

    def do(self, *words, env=None, seconds=HANGS):
        return run(self.program(*words), env or self.env(), seconds)

    def pull(self, name, location, *words, **how):
        return self.do("pull", "--json", "--source", name, location, *words,
                       **how)

    def snapshots(self):
        """All of them, newest last, or None."""
        ran = self.do("snapshots", "--json")
        return json.loads(ran.out)["snapshots"] if ran.status == 0 else None

    def check(self, *words):
        """The invariants' checker: its Ran, status 0 if all of them hold."""
        return run([os.path.join(self.build, "tests/walls/checker"), *words,
                    self.path, self.pass_file])


class Wall:
    """One run of a wall."""

    def __init__(self, name, what, more=None):
        parser = argparse.ArgumentParser(description=what)
        parser.add_argument("--build", required=True)
        parser.add_argument("--seconds", type=float, default=60)
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--seed", type=int,
                            default=int.from_bytes(os.urandom(4), "little"))
        if more:
            more(parser)
        self.name = name
        self.options = parser.parse_args()
        self.build = os.path.abspath(self.options.build)
        self.random = random.Random(self.options.seed)
        self.began = time.monotonic()
        self.violations = 0
        self.facts = {}
        # In memory: a disk would decide how many ways there is time for.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = tempfile.mkdtemp(prefix=f"mun-{name}.", dir=memory)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        atexit.register(self.sweep)
        print(f"{name}: seed {self.options.seed}", flush=True)

    def path(self, name):
        return os.path.join(self.scratch, name)

    def store(self, name="store"):
        return Store(self.build, self.path(name))

    def spent(self):
        return time.monotonic() - self.began

    def over(self):
        """Whether the time is up; never with --all."""
        return not self.options.all and self.spent() > self.options.seconds

    def every(self, points, cost, seconds):
        """k and where to begin, so that each k-th of so many points, of so
        many seconds each, fits into the seconds."""
        k = 1
        if not self.options.all:
            k = max(1, -(-int(points * cost * 1000) //
                         max(1, int(seconds * 1000))))
        return k, self.random.randrange(k) if k > 1 else 0

    def violation(self, text):
        """Something that must not be; the run goes on."""
        self.violations += 1
        print(f"VIOLATION: {text}", flush=True)

    def sweep(self):
        """Nothing is left behind but what shows a violation."""
        with open("/proc/self/mounts", encoding="utf-8") as f:
            points = [line.split()[1] for line in f]
        for point in points:
            if point.startswith(self.scratch + "/"):
                subprocess.run(["umount", "-l", point], check=False)
        if self.violations:
            print(f"kept: {self.scratch}", file=sys.stderr)
        else:
            remove(self.scratch)

    def end(self, **facts):
        """Say what was tried, end the process."""
        facts = {"wall": self.name, "seed": self.options.seed,
                 "all": self.options.all, "seconds": round(self.spent()),
                 **facts, "violations": self.violations}
        print(json.dumps(facts), flush=True)
        sys.exit(1 if self.violations or not facts.get("tried") else 0)
