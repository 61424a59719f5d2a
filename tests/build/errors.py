#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/errors.md has each code of util/fault_list.h, and no other; each
can be met, and a test meets it.

usage: errors.py SOURCE_ROOT
"""

import glob
import os
import re
import sys

ENTRY = re.compile(r'X\((\w+), "([^"]+)", (\w+), \\\n\t"([^"]+)"\)')
ROW = re.compile(r"^\| `([^`]+)` \| (\w+) \| (.+) \| (.+) \|$", re.M)


def text(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def all_of(root, *patterns):
    return "".join(text(root, os.path.relpath(p, root)) for pattern in patterns
                   for p in glob.glob(os.path.join(root, pattern)))


def is_met(symbol, name, unit, e2e):
    """By a unit test of a floor above util/, or by a scenario: a name that
    is a common word counts only as a refusal's."""
    before = r"(?<![\w-])" if "-" in name else r"(?:refused |\[|\|)"
    return (re.search(rf"FAULT_{symbol}\b", unit)
            or re.search(rf"{before}{name}(?![\w-])", e2e))


def unmet(root, symbols):
    """Complaints on codes that nothing sets, or that no test provokes."""
    programs = all_of(root, "[!t]*/*.c").replace(
        text(root, "util/fault.c"), "")
    unit = all_of(root, "tests/unit/[!u]*/*.c")
    e2e = all_of(root, "tests/e2e/*.sh", "tests/lib/hostile_agent.py")
    for symbol, name in symbols.items():
        if not re.search(rf"FAULT_{symbol}\b|\[{name}\]", programs):
            yield f"{name}: nothing sets it"
        elif not is_met(symbol, name, unit, e2e):
            yield f"{name}: no test provokes it"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    entries = [e for e in ENTRY.findall(
        text(sys.argv[1], "util/fault_list.h")) if e[1] != "none"]
    code = {name: (err, advice) for _, name, err, advice in entries}
    page = text(sys.argv[1], "docs/errors.md")
    rows = {name: (err, advice)
            for name, err, _, advice in ROW.findall(page)}
    bad = [f"{n}: not on the page" for n in code if n not in rows]
    bad += [f"{n}: only on the page" for n in rows if n not in code]
    bad += [f"{n}: {rows[n]} instead of {code[n]}"
            for n in code if n in rows and rows[n] != code[n]]
    bad += unmet(sys.argv[1], {symbol: name for symbol, name, _, _ in entries})
    print("\n".join(bad + [f"{len(code)} codes, {len(bad)} complaints"]))
    sys.exit(1 if bad or not code else 0)


if __name__ == "__main__":
    main()
