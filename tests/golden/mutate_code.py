#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Change the code, one constant of the format or one key context at a time, in
a copy of the tree: something must then fail, be it the build, the comparison
with docs/format.md, the fuzz targets' seeds, a golden store, a fresh one under
the second reader, or a unit's test. Long; not part of the suite."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import unpacked  # noqa: E402
import wall  # noqa: E402  (of tests/walls)

ROOT = os.path.dirname(os.path.dirname(unpacked.HERE))
TARGETS = ["cli/muniment", "cli/muniment-init", "cli/muniment-pull",
           "cli/muniment-read", "agent/muniment-agent", "tests/fuzz/seeds",
           "tests/walls/mkstore", "tests/golden/plant.so"]
# A number in a definition, or that of a member of an enumeration.
DEFINE = re.compile(r"^#define [A-Z]\w+(?:\([a-z]\))?[ \t]+.*?"
                    r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)(?=[uUlL]*\b)", re.M)
MEMBER = re.compile(r"^\t[A-Z][A-Z0-9_]+ = (0x[0-9a-fA-F]+|\d+),", re.M)
CONTEXT = re.compile(r"^.*(?:derive_key|open_wrap|seal_wrap|LABEL|uint8_t \*)"
                     r".*?\"([a-z0-9/]+)\"", re.M)
MAGIC = re.compile(r"magic\[\d\] = \{.*'(\w)'\};")
# Tests that are asked when nothing before has noticed.
UNITS = ("format/", "keys/", "agent/")
SLOW = 120
# (file, line, why nothing can show)
SPARED = (
    ("chunker/cut.c", "WINDOW", "what is older has left the sum"),
    ("format/checkpoint.c", "DECIMAL_MAX", "a digit more is no number"),
    ("format/checkpoint.h", "CHECKPOINT_SIZE_MAX", "room, not a size"),
    ("format/content.h", "CONTENT_RANK_STEP", "how densely a reader counts"),
    ("format/directory.h", "DIRENT_SIZE_MAX", "room, not a size"),
    ("format/directory.c", "PAGE_HEAD", "room, not a size"),
    ("format/directory_node.c", "NODE_HEAD", "room, not a size"),
    ("format/directory_node.c", "CHILD_MAX", "room, not a size"),
    ("format/hex.h", "HEX_SIZE", "room, not a size"),
    ("format/leaf.h", "LEAF_FRAME_PAD", "not on the disk"),
    ("format/statrec.c", "HEAD_SIZE", "room, not a size"),
    ("format/statrec.c", "DIRECTORY_SIZE", "room, not a size"),
    ("format/wire.c", "HELLO_MAX", "of another protocol"),
    ("format/wire.h", "WIRE_LISTING_MAX", "room, not a size"),
)


class Change:
    def __init__(self, path, text, m):
        self.path, self.place = path, m.start(1)
        self.old, self.new = m[1], other(m[1])
        begin = text.rfind("\n", 0, self.place) + 1
        self.line = text[begin:text.index("\n", self.place)].strip()

    def of(self, text):
        return (text[:self.place] + self.new
                + text[self.place + len(self.old):])

    def __str__(self):
        return f"{self.path}: {self.old} -> {self.new} in {self.line}"


def other(text):
    if text.startswith("0x"):
        return hex(int(text, 16) ^ 1)
    if text.isdigit():
        return str(int(text) + 1)
    c = "X" if text.isupper() else "x"
    return text[:-1] + (c if text[-1] != c else chr(ord(c) + 1))


def changes(root):
    found = []
    for folder, names, patterns in (
            ("format", ".h", (DEFINE, MEMBER)),
            ("format", ".c", (MAGIC, DEFINE)),
            ("chunker", (".c", ".h"), (DEFINE,)),
            ("keys", ".c", (CONTEXT,))):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if not name.endswith(names):
                continue
            path = f"{folder}/{name}"
            with open(os.path.join(root, path), encoding="utf-8") as f:
                text = f.read()
            found += [Change(path, text, m) for pattern in patterns
                      for m in pattern.finditer(text)
                      if not text[:m.start(1)].rsplit("\n", 1)[-1]
                      .startswith("#include")]
    return found


class Copy:
    """The tree that is changed, and its build."""

    def __init__(self, run):
        self.root, self.build = run.path("tree"), run.path("build")
        shutil.copytree(ROOT, self.root, symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "build*"))
        # The one folder of that name which is no build.
        shutil.copytree(os.path.join(ROOT, "tests/build"),
                        os.path.join(self.root, "tests/build"))
        subprocess.run(["meson", "setup", "-Doptimization=0", self.build,
                        self.root], check=True, stdout=subprocess.DEVNULL)

    def run(self, *words):
        return wall.run(list(words), seconds=SLOW * 5).status == 0

    def tests(self, *tests):
        return self.run("meson", "test", "-C", self.build, "--no-rebuild",
                        *tests)

    def units(self):
        told = subprocess.run(["meson", "introspect", "--tests", self.build],
                              check=True, stdout=subprocess.PIPE)
        return [test["name"] for test in json.loads(told.stdout)
                if test["name"].startswith(UNITS)]

    def found_by(self):
        """What fails now, or None."""
        tests = os.path.join(self.root, "tests")
        golden = os.path.join(tests, "golden")
        for name, words in (
                ("page", (sys.executable, golden + "/constants.py",
                          self.root)),
                ("build", ("ninja", "-C", self.build, *TARGETS)),
                ("seeds", (self.build + "/tests/fuzz/seeds", "--check",
                           tests + "/fuzz/corpus")),
                ("again", (sys.executable, golden + "/again.py", "--build",
                           self.build)),
                ("golden", (sys.executable, golden + "/check.py", "--build",
                            self.build))):
            if not self.run(*words):
                return name
        return self.found_late()

    def found_late(self):
        """Few changes come so far: here all is built."""
        if not self.run("ninja", "-C", self.build):
            return "build"
        if not self.tests(*self.units()):
            return "units"
        if not self.tests("golden/fresh"):
            return "fresh"
        return None

    def change(self, path, text):
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as f:
            f.write(text)


def spared(change):
    return any(change.path == path and name in change.line
               for path, name, _ in SPARED)


def main():
    run = wall.Wall("mutate-code", __doc__)
    copy = Copy(run)
    began = time.monotonic()
    broken = copy.found_by()
    if broken:
        run.violation(f"unchanged, it fails already: {broken}")
    every = [c for c in changes(copy.root) if not spared(c)]
    # Most need a build of the floors above, and few of the tests.
    k, first = run.every(len(every), (time.monotonic() - began) / 4,
                         run.options.seconds)
    tried, by = 0, {}
    for change in every[first::k]:
        if run.over():
            break
        with open(os.path.join(copy.root, change.path),
                  encoding="utf-8") as f:
            text = f.read()
        copy.change(change.path, change.of(text))
        found = copy.found_by()
        copy.change(change.path, text)
        tried += 1
        if found is None:
            run.violation(f"not found: {change}")
        else:
            by[found] = by.get(found, 0) + 1
    run.end(tried=tried, detected=sum(by.values()), k=k, by=by,
            changes=len(every), spared=len(SPARED))


if __name__ == "__main__":
    main()
