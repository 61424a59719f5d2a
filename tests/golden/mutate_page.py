#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Change docs/format.md, one constant or row of a table at a time: the second
reader, which has its constants from there, must then fail on the golden store,
or the page must differ from the constants of the code.

What changes nothing that a reader of today could see is listed in SPARED, with
the reason; what is listed there and found all the same is told too."""

import os
import re
import sys
import time

sys.dont_write_bytecode = True

import lz4.block  # noqa: E402,F401  (so that a child need not load them)
import nacl.bindings  # noqa: E402,F401
import nacl.pwhash  # noqa: E402,F401
import unpacked  # noqa: E402
import wall  # noqa: E402  (of tests/walls)

ROOT = os.path.dirname(os.path.dirname(unpacked.HERE))
PAGE = os.path.join(ROOT, "docs/format.md")
NEXT_TYPE = {"u8": "u16", "u16": "u32", "u32": "u64", "u64": "u32",
             "i64": "u32"}
NUMBER = re.compile(r"0x[0-9A-Fa-f]+|\d[\d,]*\d|\d")
TYPE = re.compile(r"\b(?:u8|u16|u32|u64|i64)\b")
STRING = re.compile(r"\"[^\"`]+\"|`[A-Za-z0-9._ -]+`")
JOIN = re.compile(r"([^(,`|]+?) (?:\|\||\\\|\\\|) ([^),`|]+?)(?= \||[),`]| \\)")
# (how the section's title begins, a pattern of the line with the change between
# < and >, why no reader can see it)
SPARED = (
    ("", r"(?i)sections? (\d+\.)?<\d+>|<\d+>\.\d|\d\.<\d+>|^#+ <\d+>",
     "the number of a section"),
    ("12. ", r"^<\d+>\. ", "the number of a step"),
    ("", r"\bRFC <\d+>|SHA-<256> in the ledger", "the name of a standard"),
    ("", r"<`(label|context|security\.capability)`>|flock\(<2>|"
     r"<` on the folder `>", "words of the text"),
    ("1.1 ", r"^\|[^|]*\|[^|]*\| .*<", "why a limit is what it is"),
    ("7.5 ", r"reserved", "no reader knows it"),
    ("10. ", r"^Reserved: ", "no reader knows it"),
    ("11. ", r"^\*\*Piece list|^(<1,000>|1,000)\); per piece",
     "written by no program"),
    ("7.2 ", r"rows: \| u64 \| only directories", "no entry has both"),
    ("10. ", r"START gives at least <4>", "it gives more"),
    ("11. ", r"order: .deep", "tests/reader/fresh.py goes so deep"),
)


class Change:
    """One change: (place, end) of the page becomes text."""

    def __init__(self, page, place, end, text, kind):
        self.place, self.end, self.text, self.kind = place, end, text, kind
        line, self.old = page.rfind("\n", 0, place) + 1, page[place:end]
        self.line = page[line:page.index("\n", place)]
        self.number = page.count("\n", 0, place) + 1
        self.marked = (page[line:place] + f"<{self.old}>"
                       + page[end:page.index("\n", place)])
        self.section = (re.findall(r"^#+ (.*)", page[:place], re.M)
                        or [""])[-1]

    def of(self, page):
        return page[:self.place] + self.text + page[self.end:]

    def __str__(self):
        old, new = self.old.strip()[:60], self.text.strip()[:60]
        return f"line {self.number}: {self.kind} {old!r} -> {new!r}"


def other_number(text):
    if text.startswith("0x"):
        return f"0x{int(text, 16) ^ 1:0{len(text) - 2}x}"
    return f"{int(text.replace(',', '')) + 1:,}" if "," in text else \
        f"{int(text) + 1:0{len(text)}d}"


def other_string(text):
    middle = len(text) // 2
    c = "x" if text[middle] != "x" else "y"
    return text[:middle] + c + text[middle + 1:]


def changes(page):
    """All that are tried, in the order of the page."""
    found = []

    def add(m, text, kind, group=0):
        found.append(Change(page, m.start(group), m.end(group), text, kind))

    for m in NUMBER.finditer(page):
        before = page[m.start() - 1:m.start()]
        if before.isalnum() and not page[m.start() - 3:m.start()] == "`\\x":
            continue                    # of u16, BLAKE2b
        add(m, other_number(m[0]), "number")
    for m in TYPE.finditer(page):
        add(m, NEXT_TYPE[m[0]], "type")
    for m in STRING.finditer(page):
        add(m, other_string(m[0]), "text")
    for m in JOIN.finditer(page):
        if m[1] != m[2]:
            found.append(Change(page, m.start(1), m.end(2), m[2] + m[0][
                len(m[1]):-len(m[2])] + m[1], "order"))
    rows = [m for m in re.finditer(r"^\|.*\n", page, re.M)]
    ordered = False
    for m, after in zip(rows, rows[1:] + [None]):
        # Where the first column counts, the order of rows says nothing.
        ordered = m[0].startswith("| type | field |") or ordered and \
            page[m.start() - 1:m.start()] == "\n" and \
            page[m.start() - 2] != "\n"
        if re.match(r"\|[-|]+\n", m[0]) or after and re.match(
                r"\|[-|]+\n", after[0]):
            continue
        add(m, "", "row")
        if ordered and after and after.start() == m.end():
            found.append(Change(page, m.start(), after.end(),
                                after[0] + m[0], "rows"))
    return sorted(found, key=lambda c: c.place)


class Strict:
    """In the place of a test: the first difference ends it."""

    tried = 0

    def same(self, what, found, wanted):
        if found != wanted:
            raise ValueError(what)

    def same_lines(self, what, found, wanted):
        for one, line in zip(found, wanted, strict=True):
            self.same(what, {k: one.get(k) for k in line}, line)


def reads(path, golden):
    """Read everything by a page; in a process of its own."""
    os.environ["MUNIMENT_FORMAT_PAGE"] = path
    import check
    import constants
    if constants.differences(ROOT):
        raise ValueError("the code has other constants")
    check.check_reader(Strict(), golden)


def survives(path, golden):
    """Whether nothing shows when the page is this one."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with open(os.devnull, "w", encoding="ascii") as f:
                os.dup2(f.fileno(), 2)
            reads(path, golden)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def spared(change):
    return any(change.section.startswith(title)
               and (re.search(pattern, change.marked)
                    or re.search(pattern, f"{change.kind}: {change.old}"))
               for title, pattern, _ in SPARED)


def main():
    run = wall.Wall("mutate-page", __doc__)
    golden = unpacked.Golden(unpacked.numbers()[-1], run.path("golden"))
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    path = run.path("format.md")

    def write(text):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    write(page)
    began = time.monotonic()
    if not survives(path, golden):
        run.violation("the page as it is does not read the golden store")
    cost = (time.monotonic() - began) / 4
    every = changes(page)
    k, first = run.every(len(every), cost, run.options.seconds)
    tried = detected = excused = 0
    for change in every[first::k]:
        if run.over():
            break
        write(change.of(page))
        tried += 1
        if not survives(path, golden):
            detected += 1
            if run.options.all and spared(change):
                print(f"spared, but found: {change}")
        elif spared(change):
            excused += 1
        else:
            run.violation(f"not found: {change} in {change.line[:150]!r}")
    run.end(tried=tried, detected=detected, spared=excused, k=k,
            changes=len(every))


if __name__ == "__main__":
    main()
