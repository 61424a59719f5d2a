#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write the golden store of this version of the format, anew:

    meson setup --buildtype=release BUILD && ninja -C BUILD
    tests/golden/make.py --build BUILD

It leaves store-1.tar.xz and expected-1.json beside this file. That may be
done until the first release that writes this version is tagged; from then on
both stay as they are for ever, and what they do not cover goes into a store of
the next version. The programs are those of the build; what is planted is in
plan.py (the sources), plant.c (random numbers and time) and writing.py.

In the archive:

    passphrase        without a newline
    store/            but for cache/ and run/
    lists/SUM         as planted: a line for each entry of a snapshot, in
                      pre-order; or one for each of its problems
    said/NAME-vault   what was said between vault and agent
    said/NAME-agent
    stat, index       keys and values of the databases in cache/
"""

import argparse
import hashlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

import writing  # noqa: E402
from writing import BEGAN, DAY, HERE, plan  # noqa: E402
import everything  # noqa: E402  (of tests/reader)
import rocks  # noqa: E402
from store import Store  # noqa: E402

VERSION = 1
UNCHANGED = 124                 # pulls, so that a hash tile gets full


class Golden:
    def __init__(self, build, scratch):
        self.writer = writing.Writer(build, scratch)
        self.scratch, self.snapshots = scratch, []
        for name in ("said", "lists"):
            os.mkdir(os.path.join(scratch, name))

    def pull(self, source, root, time, *words, status=0, record=""):
        """A pull that must give a snapshot; what it must hold is kept."""
        result = self.writer.pull(
            source, root, time, *words, status=status,
            record="said/" + record if record else "")
        self.snapshots.append({
            **result, "source": source, "clock": time, "said": record,
            "list": self.keep(plan.listing(root, self.keys, source)),
            "listed problems": self.keep(
                [[reason, errno, plan.escape(name)] for reason, errno, name
                 in plan.problems(root)])})

    def keep(self, values):
        """A file of JSON lines, named by its sum."""
        data = "".join(json.dumps(v) + "\n" for v in values).encode()
        name = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.scratch, "lists", name), "wb") as f:
            f.write(data)
        return name

    def write(self):
        writer = self.writer
        self.keys = keys = writer.make()
        alpha, gamma = plan.alpha(keys), plan.gamma()
        self.pull("alpha", alpha, BEGAN + DAY, "--exclude", "*.tmp",
                  "--exclude-caches", "--cross-file-systems", status=3,
                  record="alpha-1")
        # The clock of the vault's host goes back.
        self.pull("beta-2.x_y", plan.beta(keys), writing.BEFORE, status=3,
                  record="beta-1")
        writer.crash()
        writer.pull("9gamma", gamma, BEGAN + 3 * DAY, status=1, dies="half")
        writer.ended("it was planted so", BEGAN + 4 * DAY)
        # The first reading is so long ago that all is read again.
        self.pull("alpha", plan.alpha_later(alpha), BEGAN + 60 * DAY,
                  record="alpha-2")
        for i in range(UNCHANGED):
            self.pull("9gamma", gamma, BEGAN + (61 + i) * DAY)


def dump(pairs, path):
    with open(path, "w", encoding="ascii") as f:
        for key, value in pairs:
            f.write(f"{key.hex()} {value.hex()}\n")


def add_all(tar, scratch, name):
    """In the order of names, and without what differs from run to run."""
    path = os.path.join(scratch, name)
    info = tar.gettarinfo(path, name)
    info.mtime = info.uid = info.gid = 0
    info.uname = info.gname = ""
    if info.isfile():
        with open(path, "rb") as f:
            tar.addfile(info, f)
        return
    tar.addfile(info)
    for entry in sorted(os.listdir(path)):
        add_all(tar, scratch, f"{name}/{entry}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--into", default=HERE)
    args = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="golden.")
    golden = Golden(os.path.abspath(args.build), scratch)
    golden.write()
    folder = golden.writer.store.path
    for name in ("index", "stat"):
        dump(rocks.pairs(os.path.join(folder, "cache", name)),
             os.path.join(scratch, name))
    for name in ("cache", "run"):
        shutil.rmtree(os.path.join(folder, name))
    subprocess.run(["chattr", "-R", "-f", "-i", folder], check=False)
    fields = everything.sum_of(Store(folder, writing.PASSPHRASE))
    with open(os.path.join(scratch, "passphrase"), "wb") as f:
        f.write(writing.PASSPHRASE)
    tarred = os.path.join(args.into, f"store-{VERSION}.tar.xz")
    with lzma.open(tarred, "wb", preset=9 | lzma.PRESET_EXTREME) as f, \
            tarfile.open(fileobj=f, mode="w") as tar:
        for name in ("index", "lists", "passphrase", "said", "stat",
                     "store"):
            add_all(tar, scratch, name)
    with open(os.path.join(args.into, f"expected-{VERSION}.json"), "w",
              encoding="ascii") as f:
        json.dump(expected(golden, fields), f, indent=1)
        f.write("\n")
    shutil.rmtree(scratch)
    return 0


def expected(golden, fields):
    vault, same, first = golden.keys.vault, [], golden.snapshots
    while first[-2]["list"] == first[-1]["list"]:
        same.insert(0, first.pop()["id"])
    return {
        "format": VERSION,
        "passphrase": writing.PASSPHRASE.decode(),
        "planted": {
            "store id": vault.head["store id"].hex(),
            "log key": vault.head["log key"].hex(),
            "ledger seed": vault.head["ledger seed"].hex(),
            "compartment secret": vault.secrets[1].hex(),
        },
        "fields": fields,
        "snapshots": first,
        "like the last": same,
    }


if __name__ == "__main__":
    sys.exit(main())
