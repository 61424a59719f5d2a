#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: include lines only point down.

usage: arrows.py SOURCE_ROOT | --self-test

The floors, from the bottom: util, format, keys, chunker, store, then view and
pull side by side, restore, then the programs side by side. A file may include its own
floor and those below. Besides:

- a quoted include names an existing file by its path from the root;
- X_internal.h is for its own folder;
- the agent knows only util, format and itself;
- a library that must not spread is included in one place only.
"""

import os
import re
import sys
import tempfile

RANK = {
    "util": 0, "format": 1, "keys": 2, "chunker": 3, "store": 4,
    "view": 5, "pull": 5,
    "restore": 6,
    "agent": 7, "fuse": 7, "cli": 7, "daemon": 7,
}

# What a floor may include when that is less than everything below it.
ONLY = {"agent": {"util", "format", "agent"}}

# Headers of a library, its floor, and whether one file must hold it alone.
FENCED = [
    (re.compile(r"sodium(\.h$|/)"), "keys", False),
    (re.compile(r"(fuse3?/)?fuse[\w]*\.h$|fuse3?/|linux/fuse\.h$"), "fuse",
     False),
    (re.compile(r"lz4\w*\.h$"), "chunker", True),
    (re.compile(r"rocksdb/"), "store", True),
]

DIRECTIVE = re.compile(r"^\s*#\s*(?:include|include_next|import)\b\s*(.*)")
NAMED = re.compile(r'([<"])([^>"]+)[>"]')


def sources(root):
    for floor in RANK:
        for folder, _, names in os.walk(os.path.join(root, floor)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    yield os.path.relpath(path, root)


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        # A directive may go on over several lines.
        text = f.read().replace("\\\n", " ")
    for line in text.split("\n"):
        directive = DIRECTIVE.match(line)
        if directive:
            yield directive.group(1)


def check_own(root, path, target):
    """Complaint about an include of a file of ours, or None."""
    floor, other = path.split("/")[0], target.split("/")[0]
    if not os.path.isfile(os.path.join(root, target)):
        return "no such file from the root"
    if other not in RANK:
        return "not a floor"
    if floor in ONLY and other not in ONLY[floor]:
        return f"{floor} may not know {other}"
    if other != floor and RANK[other] >= RANK[floor]:
        return f"{floor} may not look up or across to {other}"
    if target.endswith("_internal.h") and \
            os.path.dirname(target) != os.path.dirname(path):
        return "internal to another folder"
    return None


def check_fences(path, target, holders):
    for pattern, floor, alone in FENCED:
        if not pattern.match(target):
            continue
        if path.split("/")[0] != floor:
            return f"only {floor} may include it"
        if alone:
            held = holders.setdefault(pattern, path)
            if held != path:
                return f"{held} includes it already"
    return None


def complaints(root):
    holders = {}
    found = []
    for path in sources(root):
        for what in includes(root, path):
            named = NAMED.match(what)
            if not named:
                found.append(f"{path}: {what}: not readable here")
                continue
            quote, target = named.groups()
            ours = quote == '"' or target.split("/")[0] in RANK and \
                os.path.isfile(os.path.join(root, target))
            if ours:
                wrong = check_own(root, path, target)
            else:
                wrong = check_fences(path, target, holders)
            if wrong:
                found.append(f"{path}: {target}: {wrong}")
    return found


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


# Files of a sound tree; each case below adds one file to it.
SOUND = {
    "util/span.h": "#include <stdint.h>\n",
    "util/pool_internal.h": "",
    "util/pool_two.c": '#include "util/pool_internal.h"\n',
    "format/pack.h": '#include "util/span.h"\n',
    "keys/id.h": "",
    "keys/id.c": '#include <sodium.h>\n#include "keys/id.h"\n',
    "chunker/cut.c": '#include "keys/id.h"\n',
    "chunker/compress.c": "#include <lz4.h>\n#include <lz4hc.h>\n",
    "store/rocks.c": "#include <rocksdb/c.h>\n",
    "view/view.h": "",
    "pull/pull.h": "",
    "agent/walk.c": '#include "format/pack.h"\n',
    "fuse/main.c": '#include <fuse_lowlevel.h>\n#include "view/view.h"\n',
}

UNSOUND = [
    ("util/a.c", '#include "format/pack.h"\n'),
    ("util/a.c", '#  include "format/pack.h"\n'),
    ("util/a.c", "#include <format/pack.h>\n"),
    ("util/a.c", '#include \\\n"format/pack.h"\n'),
    ("util/a.c", "#include PACK_HEADER\n"),
    ("util/a.c", '#include "span.h"\n'),
    ("util/a.c", '#include "util/missing.h"\n'),
    ("format/a.c", '#include "util/pool_internal.h"\n'),
    ("store/a.h", '#include "view/view.h"\n'),
    ("view/a.c", '#include "pull/pull.h"\n'),
    ("pull/a.c", '#include "view/view.h"\n'),
    ("agent/a.c", '#include "keys/id.h"\n'),
    ("agent/a.c", '#include "view/view.h"\n'),
    ("chunker/a.c", "#include <sodium.h>\n"),
    ("chunker/a.c", "#include <sodium/utils.h>\n"),
    ("chunker/z.c", "#include <lz4.h>\n"),
    ("view/a.c", "#include <lz4.h>\n"),
    ("store/z.c", "#include <rocksdb/c.h>\n"),
    ("view/a.c", "#include <fuse.h>\n"),
    ("view/a.c", "#include <fuse3/fuse_lowlevel.h>\n"),
]


def self_test():
    bad = 0
    for path, text in [("util/a.c", '#include "util/span.h"\n')] + UNSOUND:
        with tempfile.TemporaryDirectory() as root:
            for name, contents in SOUND.items():
                write(root, name, contents)
            before = complaints(root)
            write(root, path, text)
            after = complaints(root)
        wanted = 1 if (path, text) in UNSOUND else 0
        if before or len(after) != wanted:
            print(f"{path} with {text!r}: {before} then {after}")
            bad += 1
    print(f"{len(UNSOUND) + 1} cases, {bad} failed")
    return bad


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--self-test":
        sys.exit(1 if self_test() else 0)
    found = complaints(sys.argv[1])
    count = len(list(sources(sys.argv[1])))
    print("\n".join(found + [f"{count} files, {len(found)} complaints"]))
    sys.exit(1 if found or not count else 0)


if __name__ == "__main__":
    main()
