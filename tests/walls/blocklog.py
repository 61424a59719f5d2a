# SPDX-License-Identifier: Apache-2.0
"""Disks whose writes are logged, and what a power cut can leave of them.

The disk is a file that qemu-storage-daemon hands out by FUSE, with a loop
device over it. Its driver blklogwrites notes every write and every flush when
it is done, in the format of dm-log-writes. The FUSE export does one request
at a time, so the log has one order, and a flush makes durable all that stands
before it.

What stands behind the last flush is in the disk's cache, which keeps any part
of it. So a state is a flush, and for each sector that was written behind it
and before the next flush, whether it came through. That two writes of one
sector change places is the same as losing the later one.
"""

import os
import random
import shutil
import signal
import struct
import subprocess
import time

MAGIC = 0x6a736677736872
VERSION = 1
FLUSH = 1                       # flag of an entry; a write has none
SECTOR = 512
SUPER = struct.Struct("<QQQI")  # magic, version, entries, sector size
ENTRY = struct.Struct("<QQQQ")  # sector, sectors, flags, length of a mark

# What a disk with sectors of 4096 bytes inside does not tear.
PHYSICAL = 4096

# Seconds; the daemon takes some ten milliseconds.
PATIENCE = 60


class Missing(Exception):
    """This machine cannot do it."""


def need(tools):
    """That this machine can log writes and mount what comes of them."""
    if os.geteuid() != 0:
        raise Missing("needs root")
    for device in ("/dev/fuse", "/dev/loop-control"):
        try:
            os.close(os.open(device, os.O_RDWR))
        except OSError as e:
            raise Missing(f"{device}: {e.strerror}") from e
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for tool in ("qemu-storage-daemon", *tools):
        if not shutil.which(tool, path=path):
            raise Missing(f"{tool} is not installed")


# ---- what comes through ----

class Window:
    """What was written behind one flush and before the next: the places of
    both in the log (-1 and its length, where there is none) and the writes.
    A power cut in it comes at the latest just before its end."""

    def __init__(self, begin):
        self.begin, self.end, self.writes = begin, None, []


def windows(entries, flush):
    """All of them, in order. One in which nothing was written is left out,
    but for the last. flush tells flushes from writes."""
    found, window = [], Window(-1)
    for i, entry in enumerate(entries):
        if not flush(entry):
            window.writes.append(entry)
            continue
        window.end = i
        if window.writes:
            found.append(window)
        window = Window(i)
    window.end = len(entries)
    return found + [window]


def tear(rng, at, data, atom):
    """What comes through of a torn write: (place, bytes), in runs that end
    at multiples of atom or with the write."""
    end = at + len(data)
    cuts = [at, *range(at - at % atom + atom, end, atom), end]
    parts = [(a, data[a - at:b - at]) for a, b in zip(cuts, cuts[1:])]
    if rng.random() < 0.5:
        return parts[:rng.randrange(len(parts) + 1)]
    return [part for part in parts if rng.random() < 0.5]


def fates(rng, n):
    """Whether n things that were not flushed are kept, torn or lost: either
    all are kept up to the cut, which tears one, or some here and there."""
    if rng.random() < 0.3:
        cut = rng.randrange(n)
        return ["kept"] * cut + ["torn"] + ["lost"] * (n - cut - 1)
    lost, torn = rng.choice((0.1, 0.5, 0.9)), rng.choice((0, 0.1, 0.3))
    weights = lost, (1 - lost) * torn, (1 - lost) * (1 - torn)
    return rng.choices(("lost", "torn", "kept"), weights, k=n)


class Loss:
    """What comes through of a window."""

    def __init__(self, rng, window):
        self.window, self.seed = window, rng.getrandbits(64)
        self.fate = fates(rng, len(window.writes))

    def __str__(self):
        return (f"{self.fate.count('lost')} lost, {self.fate.count('torn')} "
                f"torn of {len(self.fate)} writes")

    def writes(self, atom):
        """(place, bytes) in order, torn between atoms; each time the
        same."""
        rng, kept = random.Random(self.seed), []
        for (at, data), fate in zip(self.window.writes, self.fate):
            if fate == "kept":
                kept.append((at, data))
            elif fate == "torn":
                kept += tear(rng, at, data, atom)
        return kept


# ---- the disk ----

class FileSystem:
    """One kind of file system: how it is made, checked and mounted."""

    def __init__(self, name, size, make, check, options):
        self.name, self.size, self.options = name, size, options
        self.make_words, self.check_words = make, check

    def tools(self):
        return self.make_words[0], self.check_words[0]

    def make(self, image):
        with open(image, "wb") as f:
            f.truncate(self.size)
        subprocess.run([*self.make_words, image], check=True,
                       stdout=subprocess.DEVNULL)

    def mount(self, image, point):
        """None, or why it cannot be mounted."""
        ran = subprocess.run(
            ["mount", "-t", self.name, "-o", self.options, image, point],
            check=False, stderr=subprocess.PIPE)
        if ran.returncode == 0:
            return None
        return ran.stderr.decode(errors="replace").strip()

    def whole(self, image):
        """Whether its own checker finds it whole, after a mount."""
        return subprocess.run(
            [*self.check_words, image], check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ).returncode == 0


def unmount(point):
    """For a moment a child that another thread has just begun may hold a
    file that this one had open."""
    until = time.monotonic() + PATIENCE
    while subprocess.run(["umount", point], check=False,
                         stderr=subprocess.DEVNULL).returncode != 0:
        if time.monotonic() > until:
            raise OSError(f"{point} cannot be unmounted")
        time.sleep(0.01)


class Daemon:
    """What hands out an image as a disk and logs what is written."""

    def __init__(self, image, log, export):
        for path in (log, export):
            with open(path, "wb"):
                pass
        self.child = subprocess.Popen([
            "qemu-storage-daemon",
            "--blockdev", f"driver=file,node-name=disk,filename={image}",
            "--blockdev", f"driver=file,node-name=log,filename={log}",
            "--blockdev", "driver=blklogwrites,node-name=logged,file=disk,"
            f"log=log,log-sector-size={SECTOR},log-super-update-interval=1",
            "--export", "type=fuse,id=export,node-name=logged,writable=on,"
            f"mountpoint={export}"])
        until = time.monotonic() + PATIENCE
        while os.path.getsize(export) != os.path.getsize(image):
            if self.child.poll() is not None or time.monotonic() > until:
                self.stop()
                raise Missing("qemu-storage-daemon exports nothing")
            time.sleep(0.005)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(PATIENCE)


class Tape:
    """A new file system on a disk whose writes are logged, mounted at point
    until the end; then the disk at any moment, mounted there again."""

    keeps_flags = True

    def __init__(self, fs, folder):
        self.fs, self.name = fs, fs.name
        self.point = os.path.join(folder, "mnt")
        self.log = os.path.join(folder, "log")
        self.first = os.path.join(folder, "first")
        self.base = os.path.join(folder, "base")
        self.state = os.path.join(folder, "state")
        self.disk = os.path.join(folder, "disk")
        self.entries, self.at, self.mounted = [], 0, False
        os.makedirs(self.point)
        fs.make(self.disk)
        copy_image(self.disk, self.first)
        export = os.path.join(folder, "export")
        self.daemon = Daemon(self.disk, self.log, export)
        why = fs.mount(export, self.point)
        if why:
            self.daemon.stop()
            raise Missing(why)

    def command(self, words, inject=None):
        """The words with which to run a command. inject: what becomes of
        which of its fsyncs, as strace says it."""
        if inject is None:
            return words
        return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync",
                "-e", f"inject=fsync:{inject}", *words]

    def count(self):
        """Entries so far; all of them are done."""
        with open(self.log, "rb") as f:
            return SUPER.unpack(f.read(SUPER.size))[2]

    def end(self):
        """No more is written. Playing all of it gives what is there."""
        unmount(self.point)
        self.daemon.stop()
        self.read()
        copy_image(self.first, self.state)
        apply(self.state, [e for e in self.entries if e is not None])
        subprocess.run(["cmp", self.state, self.disk], check=True)
        for path in (self.log, self.disk):
            os.unlink(path)
        self.rewind()

    def read(self):
        """Entries are (place, bytes); None is a flush."""
        with open(self.log, "rb") as f:
            magic, version, count, sector = SUPER.unpack(f.read(SUPER.size))
            if (magic, version, sector) != (MAGIC, VERSION, SECTOR):
                raise ValueError(f"{self.log} is not a log of this kind")
            f.seek(SECTOR)
            self.entries = [read_entry(f) for _ in range(count)]

    def windows(self):
        return windows(self.entries, lambda entry: entry is None)

    def rewind(self):
        copy_image(self.first, self.base)
        self.at = 0

    def forward(self, window):
        """On to what was durable when a window began."""
        apply(self.base, [e for e in self.entries[self.at:window.begin + 1]
                          if e is not None])
        self.at = window.begin + 1

    def lose(self, rng, window):
        return Loss(rng, window)

    def edges(self, _):
        """What to try of a window in any case: nothing came through."""
        return [None]

    def make(self, path, loss, atom):
        copy_image(self.base, path)
        if loss:
            apply(path, loss.writes(atom))

    def mount(self, loss, coarse):
        """What a loss leaves; None, or why it cannot be mounted. A coarse
        disk tears nothing within 4096 bytes."""
        self.make(self.state, loss, PHYSICAL if coarse else SECTOR)
        why = self.fs.mount(self.state, self.point)
        self.mounted = why is None
        return why

    def unmount(self):
        unmount(self.point)

    def broken(self):
        """Whether the file system itself has not survived."""
        return not (self.mounted and self.fs.whole(self.state))

    def keep(self, path, loss, coarse):
        self.make(path, loss, PHYSICAL if coarse else SECTOR)


def read_entry(f):
    sector, sectors, flags, _ = ENTRY.unpack(f.read(SECTOR)[:ENTRY.size])
    # Neither the loop device nor the mounts ask for anything else.
    if flags not in (0, FLUSH) or (flags == FLUSH) != (sectors == 0):
        raise ValueError(f"an entry of {sectors} sectors with flags {flags}")
    if flags == FLUSH:
        return None
    data = f.read(sectors * SECTOR)
    if len(data) != sectors * SECTOR:
        raise ValueError("the log is torn")
    return sector * SECTOR, data


def copy_image(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def apply(image, writes):
    with open(image, "r+b", buffering=0) as f:
        for at, data in writes:
            f.seek(at)
            f.write(data)
