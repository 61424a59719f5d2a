#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/errors.md has each code of util/fault_list.h, and no other.

usage: errors.py SOURCE_ROOT
"""

import os
import re
import sys

ENTRY = re.compile(r'X\(\w+, "([^"]+)", (\w+), \\\n\t"([^"]+)"\)')
ROW = re.compile(r"^\| `([^`]+)` \| (\w+) \| (.+) \| (.+) \|$", re.M)


def text(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    code = {name: (err, advice) for name, err, advice in
            ENTRY.findall(text(sys.argv[1], "util/fault_list.h"))
            if name != "none"}
    page = text(sys.argv[1], "docs/errors.md")
    rows = {name: (err, advice)
            for name, err, _, advice in ROW.findall(page)}
    bad = [f"{n}: not on the page" for n in code if n not in rows]
    bad += [f"{n}: only on the page" for n in rows if n not in code]
    bad += [f"{n}: {rows[n]} instead of {code[n]}"
            for n in code if n in rows and rows[n] != code[n]]
    print("\n".join(bad + [f"{len(code)} codes, {len(bad)} complaints"]))
    sys.exit(1 if bad or not code else 0)


if __name__ == "__main__":
    main()
