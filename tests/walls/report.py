#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/reliability.md, from what the walls counted when they ran whole.

    python3 report.py [--check]

Writes the page. With --check it is only compared: it must be, to the letter,
what would be written, and no wall may have counted a violation.
"""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
RESULTS = "tests/walls/results"
PAGE = "docs/reliability.md"
HOUR = 3600


class About:
    """Of a wall: its title, what it tries, what it does and what the words
    mean that it counts by, and whether it goes on for ever; then what it
    counts adds up."""

    def __init__(self, title, unit, words, endless=False):
        self.title, self.unit, self.words = title, unit, words
        self.endless = endless


WALLS = {
    "faults": About("Operations that fail", "fault points", """
Each operation of each process (file, sync, socket, memory, child) fails, one
at a time with each errno that it may meet, cut short or interrupted, and from
the n-th on for ever; what RocksDB does is failed by the kernel. Scenes: points
in each. Passed over: it failed, the command's result was right all the same,
and its status 0, as of a cache. Tried again: interrupted or cut short, without
a trace. Untouched: further points that no run came to. Followed: the next
command was run as well. Statuses: of exit, 3 where the pull or restore was done
and is incomplete."""),
    "kills": About("kill -9 at any system call", "kill points", """
Each thread of each process is killed in front of each of its system calls;
then up to three recoveries, one after the other, are killed at a place that is
drawn (second kills). Checks and restores: how often the checker ran, and a
snapshot was restored and compared, after that. Not reached: further calls that
no run came to. Unfinished: restores that left a part, which must be told by
the next one."""),
    "powercuts": About("Power cuts on ext4 and xfs", "states", """
All writes of several pulls on a real file system are logged; a disk is put
together for each flush, and for random parts of what was written between two
flushes, sectors torn out (subsets); then mounted, checked, restored, pulled
into and restored again. Least: a model that keeps of a file system only what
it promises. Turn: the same with pulls that were killed, or had a sync fail,
before. Alone: one operation lost, all others kept. Metadata torn: the file
system itself does not survive this one (its super block, torn); counted, and
tried without."""),
    "flips": About("Flipped bits", "bits flipped", """
Every byte of a small store has one random bit flipped. Scrub: verify must name
the file (detected/flipped). Read: every object is then read, with the bit
flipped, and must be given as it was (unharmed) or refused by name. Forged: the
same where hashes and signatures were made anew over the flipped bit, as a
thief of the vault's keys could."""),
    "swaps": About("Cut, extended, exchanged, foreign, old", "changes", """
Files of a store are cut, grown, lost, exchanged, put back from before, taken
from another store, replaced by what is no file, or forged with the vault's own
keys. Each line is detected/done."""),
    "caches": About("Caches that lie, are old, or foreign", "caches", """
Before a pull its caches are flipped at every byte, cut, lost, replaced, put
back from before, taken from another store, or filled with false records. The
snapshot must be as with a whole one. Each line is right/done. Gave up: RocksDB
ended the process, which is told by name, and healed by the third pull. Unread
every: of files that RocksDB writes for people one byte in so many."""),
    "constants": About("Constants changed in the code", "constants", """
Each constant of the format in the code is changed, one at a time. By: what
failed first. Spared: nothing that a reader of today could see depends on it;
each is listed with its reason."""),
    "page": About("Constants changed on the format's page", "constants", """
The same of `docs/format.md`: the second reader has its constants from
there."""),
    "readers": About("Readers beside pulls", "answers", """
Restores, mounts, `ls`, `snapshots`, `status` and `verify` run in loops while
pulls commit. Refused, taken in: pulls of another source beside the first.""",
                     True),
    "model": About("Random histories", "histories", """
Random pulls, kills, restores, mounts, lost and stale caches, against an oracle
that lies outside of the store; after each commit every manifest is compared
with what its snapshot reaches. Coarse: one source has times of whole seconds.
Missed kills: the pull had ended before.""", True),
    "fuzz": About("Fuzzed decoders", "inputs", """
libFuzzer with the sanitizers of address and undefined behaviour, from the
inputs in `tests/fuzz/corpus`. Most targets assert as well that what was
decoded encodes to the same bytes again.""", True),
    "growth": About("Thousands of pulls, and of readings of a mount", "pulls",
                    """
Heap, memory, descriptors, threads and children after 20 and after 1,000 pulls,
in one process and by the command; bytes."""),
    "valgrind": About("The command line under valgrind", "commands", """
Every verb with its options, and a command for each error: no wrong access, no
memory lost, no descriptor left open."""),
    "races": About("The programs under ThreadSanitizer", "commands", """
Pulls, restores, verifies, listings and a mount that many threads read, some of
them interrupted. Reports: of ThreadSanitizer; each is a violation."""),
}

HEAD = """# Reliability

What was tried to break a store, and what came of it. Every number on this page was printed by the program beside it; `scripts/dev report`
writes the page from what those kept in `tests/walls/results`. `scripts/check` runs each of them too, every k-th point, within minutes.

A violation is anything that must not be: a snapshot that was acknowledged and is gone or other than it was, a wrong byte, a manifest
that is not the closure of its snapshot, a hit on what is not there, success that was none, an error under the wrong name, a hang, a crash.
Where operations fail, where programs are killed, behind power cuts, beside lying caches and in random histories the checker
(`tests/walls/checker`) asserts of what a store has become the invariants that stand at the top of `store/writer.c`; the others look at what
the programs say and give out.

| what | tried | violations | | commit | repeat with |
|---|---|---|---|---|---|
"""
# They stand in the head of a section, or say what "all" says.
LEFT_OUT = ("wall", "seed", "all", "seconds", "tried", "violations", "k",
            "k_others", "k_packs", "k_files", "k_bytes", "per_decoder")


def kept(name):
    """Where it is kept what a wall counted."""
    return os.path.join(ROOT, RESULTS, name + ".json")


def load():
    """What is kept of every wall."""
    results = {}
    for name in WALLS:
        if not os.path.exists(kept(name)):
            sys.exit(f"{kept(name)} is not there: run scripts/dev {name}")
        with open(kept(name), encoding="utf-8") as f:
            results[name] = json.load(f)
    return results


def number(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def title(key):
    return key.replace("_", " ")


def table(head, lines):
    """The first line, the rule below it, the rest."""
    for line in (head, ["---"] * len(head), *lines):
        yield "| " + " | ".join(line) + " |\n"


def shown(facts):
    return {key: value for key, value in facts.items() if key not in LEFT_OUT}


def columns_of(key, facts):
    yield "\n"
    yield from table([title(key), ""], [[title(name), number(value)]
                                        for name, value in facts.items()])


def grid(key, rows):
    """The same facts of several things, a line each."""
    columns = list(dict.fromkeys(
        name for row in rows.values() for name in row))
    yield "\n"
    yield from table([title(key), *map(title, columns)],
                     [[title(name), *(number(row.get(column, ""))
                                      for column in columns)]
                      for name, row in rows.items()])


def is_grid(value):
    return all(isinstance(one, dict) for one in value.values())


def alike(parts):
    """What counts the same as the first before it, together with that."""
    rows = {}
    for key, facts in parts.items():
        if rows and not facts.keys() >= next(iter(rows.values())).keys():
            yield rows
            rows = {}
        rows[key] = facts
    if rows:
        yield rows


def tables(facts):
    """What a wall counted."""
    plain, grids, parts = {}, {}, {}
    for key, value in shown(facts).items():
        if not isinstance(value, dict):
            plain[key] = value
        elif is_grid(value):
            grids[key] = {name: shown(one) for name, one in value.items()}
        elif shown(value):
            parts[key] = shown(value)
    if plain:
        yield from columns_of("counted", plain)
    for key, rows in grids.items():
        yield from grid(key, rows)
    for rows in alike(parts):
        if len(rows) == 1:
            yield from columns_of(*next(iter(rows.items())))
        else:
            yield from grid("counted", rows)


def decoders(found):
    """Of fuzzing: hours per decoder."""
    yield "\n"
    yield from table(
        ["decoder", "hours", "inputs", "edges", "violations"],
        [[name, f"{one['seconds'] / HOUR:.2f}", number(one["executions"]),
          number(one["edges"]), str(one["violations"])]
         for name, one in sorted(found.items())])


def commits(result):
    return ", ".join(f"`{commit}`" for commit in result["commits"])


def section(name, result):
    about, facts = WALLS[name], result["facts"]
    yield (f"\n## {about.title}\n{about.words}\n\n"
           f"`{result['command']}`, {result['date']}, "
           f"commit {commits(result)}, {facts['seconds'] / 60:.0f} minutes"
           f"{'' if about.endless else ', seed ' + str(facts['seed'])}.\n")
    yield from tables(facts)
    if "per_decoder" in facts:
        yield from decoders(facts["per_decoder"])


def page(results):
    """docs/reliability.md, piece by piece."""
    yield HEAD
    for name, result in results.items():
        about, facts = WALLS[name], result["facts"]
        yield (f"| {about.title} | {number(facts['tried'])} {about.unit} | "
               f"{facts['violations']} | {'' if about.endless else 'all'} | "
               f"{commits(result)} | `{result['command']}` |\n")
    for name, result in results.items():
        yield from section(name, result)


def complaints(results, text):
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as f:
        if f.read() != text:
            yield f"{PAGE} is not what scripts/dev report writes"
    for name, result in results.items():
        if result["facts"]["violations"] != 0:
            yield f"{name}: {result['facts']['violations']} violations"


def check():
    results = load()
    bad = list(complaints(results, "".join(page(results))))
    print("\n".join([*bad, f"{len(WALLS)} walls, {len(bad)} complaints"]))
    sys.exit(1 if bad else 0)


def write():
    text = "".join(page(load()))
    with open(os.path.join(ROOT, PAGE), "w", encoding="utf-8") as f:
        f.write(text)
    print(f"{PAGE} is written")


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    if sys.argv[1:]:
        check()
    else:
        write()


if __name__ == "__main__":
    main()
