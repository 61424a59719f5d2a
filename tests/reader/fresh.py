#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A store that the built programs have just made of two trees: the second
reader must list and extract what the sources are, byte for byte, as `muniment
restore` does; and what agent and cache say must fit it. To the agent the
vault says no id and nothing of a file's content."""

import json
import os
import stat
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "walls"))

import audit  # noqa: E402
import cache  # noqa: E402
import compare  # noqa: E402
import rocks  # noqa: E402
import wall  # noqa: E402
import wire  # noqa: E402
from extract import Extraction  # noqa: E402
from listing import listing  # noqa: E402
from pack import Pack  # noqa: E402
from store import Store  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
SIZES = [0, 1, 2, 4095, 4096, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1,
         64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB - 1, 256 * KIB,
         256 * KIB + 1, MIB]
LARGE = 8 * MIB + 12345
PART = 8                        # bytes of an id, or of noise, that none has
NAMES = 6000                    # in one directory
DEEP = 520                      # directories below one another
TEE = """#!/bin/sh
tee '{record}-vault' | '{agent}' "$@" | tee '{record}-agent'
"""


class Tree:
    """A random tree."""

    def __init__(self, run, top, names):
        self.random, self.top, self.names = run.random, top, names
        os.mkdir(top)

    def write(self, name, pieces):
        """pieces: bytes, or the length of a hole."""
        with open(os.path.join(self.top, name), "wb") as f:
            for piece in pieces:
                if isinstance(piece, int):
                    f.seek(piece, os.SEEK_CUR)
                else:
                    f.write(piece)
            f.truncate()

    def piece(self):
        """Noise, one byte again and again, a short text again and again, or
        a hole."""
        length = self.random.choice([
            self.random.randrange(1, 5000), 16 * KIB, 64 * KIB, 256 * KIB,
            self.random.randrange(1, 600 * KIB)])
        kind = self.random.randrange(5)
        if kind == 0:
            return length
        if kind == 1:
            return bytes([self.random.choice([0, 0, 255])]) * length
        if kind == 2:
            return (b"%d of them " % length * length)[:length]
        return self.random.randbytes(length)

    def fill(self):
        for size in SIZES:
            for suffix in ("", ".img"):
                self.write(f"size-{size}{suffix}",
                           [self.random.randbytes(size)])
        self.write("large", [self.random.randbytes(LARGE)])
        self.write("large.qcow2", [self.random.randbytes(MIB),
                                   bytes(LARGE), self.piece()])
        self.write("sparse", [1 << 40, b"far away", 1 << 30])
        for i in range(12):
            self.write(f"mixed-{i}" + self.random.choice(["", ".raw"]), [
                self.piece() for _ in range(self.random.randrange(1, 9))])
        os.mkdir(os.path.join(self.top, "many"))
        for i in range(self.names):
            self.write(f"many/{self.random.randrange(1 << 40):x}",
                       [b"%d" % i] if i % 7 == 0 else [])
        self.deepen()

    def deepen(self):
        fd = os.open(self.top, os.O_RDONLY)
        for i in range(DEEP):
            os.mkdir(f"{i % 7}", dir_fd=fd)
            below = os.open(f"{i % 7}", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
        os.close(fd)

    def change(self):
        """Something new, something gone, something moved along."""
        for name in self.random.sample(sorted(os.listdir(
                os.path.join(self.top, "many"))), 50):
            os.unlink(os.path.join(self.top, "many", name))
        self.write("new", [self.random.randbytes(70000)])
        with open(os.path.join(self.top, "large"), "rb") as f:
            data = f.read()
        place = self.random.randrange(len(data))
        self.write("large", [data[:place] + b"!" + data[place:]])


class Fresh(wall.Wall):
    def __init__(self):
        super().__init__("fresh", __doc__)
        self.made = self.store()
        self.record = 0
        self.tried = 0

    def same(self, what, found, wanted):
        """Of two lists of lines."""
        self.tried += len(wanted)
        bad = [(a, b) for a, b in zip(found, wanted) if a != b]
        if len(found) != len(wanted) or bad:
            self.violation(f"{what}: {len(found)} lines, {len(wanted)} wanted,"
                           f" {len(bad)} differ: {str(bad[:1])[:600]}")

    def silent(self, store, secret):
        """What the vault said has no id of an object, a pack or a snapshot,
        and nothing of a file that it had."""
        ids = {bytes.fromhex(s.name) for s in store.snapshots()}
        for leaf in store.ledger.of("pack sealed"):
            pack = Pack(store.compartments[leaf.clear["compartment"]],
                        leaf.clear["ordinal"], leaf.clear["pack root"])
            ids.add(leaf.clear["pack root"])
            ids |= {pack.row(i)["id"] for i in range(pack.row_count)}
        if len(ids) < 1000:
            self.violation(f"only {len(ids)} ids are known")
        for n in range(1, self.record + 1):
            with open(self.path(f"said-{n}-vault"), "rb") as f:
                said = f.read()
            self.tried += len(ids)
            windows = {said[i:i + PART] for i in range(len(said))}
            if any(one[:PART] in windows for one in ids):
                self.violation(f"pull {n}: the vault told an id")
            if any(secret[i:i + PART] in windows
                   for i in range(len(secret) - PART)):
                self.violation(f"pull {n}: the vault told content")

    def pull(self, source, tree):
        """A pull that must be complete; what was said is read too."""
        self.record += 1
        record, agent = self.path(f"said-{self.record}"), self.path("agent")
        with open(agent, "w", encoding="ascii") as f:
            f.write(TEE.format(record=record, agent=os.path.join(
                self.build, "agent/muniment-agent")))
        os.chmod(agent, stat.S_IRWXU)
        ran = self.made.pull(source, tree, "--agent", agent)
        if ran.status != 0:
            raise SystemExit(str(ran))
        with open(record + "-vault", "rb") as vault, \
                open(record + "-agent", "rb") as said:
            return json.loads(ran.out)["id"], wire.Talk(
                vault.read(), said.read()).listed()


def lines_of(folder, left_out=("map",)):
    lines, whole = wall.treedump.describe(folder, left_out, False)
    if not whole:
        raise SystemExit(f"{folder}: not all of it can be read")
    return [json.loads(line) for line in lines]


def check_snapshot(run, snapshot, source, listed, said):
    """Of the newest of its source, before that changes."""
    wanted = lines_of(source)
    run.same(f"{said}: list", [{k: line[k] for k in wanted[0]}
                               for line in listing(snapshot)], wanted)
    compare.check_said(snapshot, listed)
    records, entries = cache.check_records(
        snapshot, 0, rocks.pairs(run.path("store/cache/stat")), listed)
    run.tried += records + entries
    ours, theirs = run.path("ours"), run.path("theirs")
    os.mkdir(ours)
    left_out = Extraction(snapshot, 0, ours).run()
    if os.geteuid() == 0 and left_out:
        run.violation(f"{said}: left out: {left_out[:3]}")
    ran = run.made.do("restore", snapshot.name, "--target", theirs)
    if ran.status != 0:
        run.violation(str(ran))
    extracted = lines_of(ours, ())
    run.same(f"{said}: extracted", extracted, lines_of(theirs, ()))
    # Holes may lie elsewhere than in the source.
    run.same(f"{said}: extracted, and the source",
             [{k: line[k] for k in wanted[0]} for line in extracted],
             wanted)
    wall.remove(ours)
    wall.remove(theirs)


def check_command(run):
    """read.py itself, as somebody calls it by hand; its other commands are
    called by tests/golden/check.py."""
    theirs = run.made.do("snapshots", "--json")
    ours = wall.run([sys.executable, os.path.join(HERE, "read.py"),
                     run.made.path, run.made.pass_file, "snapshots"])
    if theirs.status != 0 or ours.status != 0:
        raise SystemExit(f"{theirs}{ours}")
    run.same("snapshots", [json.loads(line) for line in
                           ours.out.splitlines()],
             [{key: each[key] for key in ("id", "source")}
              for each in json.loads(theirs.out)["snapshots"]])


def main():
    run = Fresh()
    ran = run.made.do("init")
    if ran.status != 0:
        raise SystemExit(str(ran))
    one, two = run.path("one"), run.path("two")
    os.mkdir(one)
    words = [] if run.options.all else ["--small"]
    words += [] if os.geteuid() == 0 else ["--unprivileged"]
    ran = wall.run([sys.executable, os.path.join(wall.TOOLS, "mktree.py"),
                    *words, one])
    if ran.status != 0:
        raise SystemExit(str(ran))
    tree = Tree(run, two, 60000 if run.options.all else NAMES)
    tree.fill()
    for said, folder in (("one", one), ("two", two), ("two", two)):
        name, listed = run.pull(said, folder)
        store = Store(run.made.path, wall.PASSPHRASE.encode("ascii"))
        check_snapshot(run, store.snapshot(name), folder, listed,
                       f"{said}: {name[:8]}")
        tree.change()
    with open(os.path.join(two, f"size-{MIB}"), "rb") as f:
        run.silent(store, f.read())
    check_command(run)
    found = audit.audit(store)
    run.tried += cache.check_index(
        rocks.pairs(run.path("store/cache/index")), store)
    run.end(tried=run.tried, k=1, **found)


if __name__ == "__main__":
    main()
