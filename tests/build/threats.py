#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: each row of the tables in docs/threat-model.md names tests that there
are, or says why none does.

usage: threats.py SOURCE_ROOT BUILD
"""

import json
import os
import re
import sys

ROW = re.compile(r"^\| (.+) \| (.+) \| (.+) \|$", re.M)
NONE = re.compile(r"none: \w.*")


def text(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    page = text(sys.argv[1], "docs/threat-model.md")
    tests = {t["name"] for t in json.loads(
        text(sys.argv[2], "meson-info/intro-tests.json"))}
    named = set(re.findall(r"`((?:e2e|fuzz|walls|golden|unit)/[\w-]+)`", page))
    bad = []
    rows = [r for r in ROW.findall(page) if r[2] != "shown by"]
    for claim, _, shown in rows:
        cell = re.findall(r"`([^`]+)`", shown)
        named.update(cell)
        if cell and re.sub(r"`[^`]+` ?", "", shown):
            bad.append(f"{claim}: words beside its tests")
        if not cell and not NONE.fullmatch(shown):
            bad.append(f"{claim}: no test, and no reason")
    bad += [f"{n}: there is no such test" for n in sorted(named - tests)]
    print("\n".join(bad + [f"{len(rows)} rows, {len(named)} tests, "
                           f"{len(bad)} complaints"]))
    sys.exit(1 if bad or len(rows) < 20 else 0)


if __name__ == "__main__":
    main()
