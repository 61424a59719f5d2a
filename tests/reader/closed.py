#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One bit of a golden store flipped, a file of it cut short, or lengthened:
the second reader must refuse, or say what it says of the whole store. It never
says anything else."""

import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for neighbour in ("golden", "walls"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), neighbour))

import everything  # noqa: E402
import unpacked  # noqa: E402
import wall  # noqa: E402
from listing import listing  # noqa: E402

REFUSED, SAME, OTHER = range(3)


def said(golden):
    """A sum over all that the reader says of a store."""
    store, total = golden.open(), hashlib.sha256()
    total.update(everything.sum_of(store).encode())
    seen = set()
    for snapshot in store.snapshots():
        if snapshot.body["id"] not in seen:
            seen.add(snapshot.body["id"])
            total.update(json.dumps(listing(snapshot)).encode())
            total.update(repr(snapshot.problems()).encode())
    return total.hexdigest()


def outcome(golden, wanted):
    """In a process of its own: what a reader breaks must not stay."""
    child = os.fork()
    if child == 0:
        code = REFUSED
        try:
            with open(os.devnull, "w", encoding="ascii") as f:
                os.dup2(f.fileno(), 2)
            code = SAME if said(golden) == wanted else OTHER
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def damage(run, path):
    """One of three harms to a file; (what was done, how to undo it)."""
    with open(path, "rb") as f:
        before = f.read()
    kind = run.random.choice(["bit"] * 4 + ["shorter", "longer"])
    data = bytearray(before)
    place = run.random.randrange(len(data))
    if kind == "bit":
        data[place] ^= 1 << run.random.randrange(8)
    elif kind == "shorter":
        del data[place:]
    else:
        data += run.random.randbytes(1 + place % 65536)
    os.chmod(path, 0o600)
    with open(path, "wb") as f:
        f.write(data)
    return f"{kind} at {place}", before


def main():
    run = wall.Wall("reader-closed", __doc__)
    golden = unpacked.Golden(unpacked.numbers()[-1], run.path("golden"))
    wanted = said(golden)
    files = {}
    for folder, _, names in os.walk(golden.folder):
        top = os.path.relpath(folder, golden.folder).split("/")[0]
        files.setdefault(top, []).extend(os.path.join(folder, n)
                                         for n in sorted(names))
    # As often in a kind of file that is small as in one that is large.
    kinds = sorted(k for k, v in files.items() if v)
    tried = refused = same = 0
    while not run.over() and (not run.options.all or tried < 20000):
        path = run.random.choice(files[run.random.choice(kinds)])
        what, before = damage(run, path)
        result = outcome(golden, wanted)
        tried += 1
        refused += result == REFUSED
        same += result == SAME
        if result not in (REFUSED, SAME):
            run.violation(f"{os.path.relpath(path, golden.folder)}: {what}: "
                          f"the reader says something else ({result})")
        with open(path, "wb") as f:
            f.write(before)
    run.end(tried=tried, refused=refused, same=same)


if __name__ == "__main__":
    main()
