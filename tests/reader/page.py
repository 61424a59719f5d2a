# SPDX-License-Identifier: Apache-2.0
"""docs/format.md as data.

The reader holds no constant of its own: numbers, names, tables, formulas and
the order of fields are taken from the page when it starts. So a slip of the
page shows as a store that cannot be read.
"""

import functools
import os
import re

PATH = os.environ.get("MUNIMENT_FORMAT_PAGE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../docs/format.md")

UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
QUANTITY = (r"(?:0x[0-9a-fA-F]+|\d[\d,]*)(?:\^\d+)?(?: - \d+)?"
            r"(?: (?:KiB|MiB|GiB)\b)?")


class PageError(Exception):
    """The page does not say what was looked for, or contradicts itself."""


def quantity(text):
    """"65,536", "2^20", "2^63 - 1", "64 KiB", "0x8001" as a number."""
    m = re.fullmatch(r"(0x[0-9a-fA-F]+|\d[\d,]*)(?:\^(\d+))?(?: - (\d+))?"
                     r"(?: (KiB|MiB|GiB))?", text.strip())
    if not m:
        raise PageError(f"not a number: {text!r}")
    base = int(m[1].replace(",", ""), 0)
    return base ** int(m[2] or 1) * UNITS[m[4] or ""] - int(m[3] or 0)


@functools.cache
def split(text, separators):
    """Cut at the separators that stand outside brackets and quotes."""
    parts, depth, quote, begin = [], 0, None, 0
    for i, c in enumerate(text):
        if quote:
            quote = None if c == quote else quote
        elif c in "`\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif depth == 0 and text.startswith(separators, i):
            parts.append(text[begin:i])
            begin = i + next(len(s) for s in separators
                             if text.startswith(s, i))
    parts.append(text[begin:])
    return tuple(p.strip() for p in parts if p.strip())


class Table:
    def __init__(self, rows):
        self.head, self.rows = rows[0], rows[2:]

    def row(self, key, column=0):
        """The row with this cell."""
        found = [r for r in self.rows if r[column] == key]
        if len(found) != 1:
            raise PageError(f"{len(found)} rows are {key!r}")
        return found[0]

    def numbers(self, name=1):
        """{what: number} of a table whose first column counts."""
        return {r[name]: quantity(r[0]) for r in self.rows}


class Section:
    def __init__(self, title):
        self.title, self.lines = title, []

    @functools.cached_property
    def prose(self):
        """All that is no table, in one line."""
        return " ".join(l.strip() for l in self.lines
                        if not l.startswith("|"))

    @property
    def code(self):
        """The lines of the fenced block."""
        fences = [i for i, l in enumerate(self.lines) if l == "```"]
        if len(fences) != 2:
            raise PageError(f"{self.title}: {len(fences)} fences")
        return self.lines[fences[0] + 1:fences[1]]

    @functools.cached_property
    def tables(self):
        found, before = [], False
        for line in self.lines:
            if not line.startswith("|"):
                before = False
                continue
            cells = [c.strip().replace("\\|", "|") for c in
                     re.split(r"(?<!\\)\|", line)[1:-1]]
            if not before:
                found.append([])
            found[-1].append(cells)
            before = True
        return [Table(rows) for rows in found]

    def table(self, *head):
        """The one whose header line begins so."""
        found = [t for t in self.tables if t.head[:len(head)] == list(head)]
        if len(found) != 1:
            raise PageError(f"{self.title}: {len(found)} tables {head}")
        return found[0]

    @functools.cache
    def match(self, pattern):
        """Where the prose, or a cell, matches this; only one may."""
        texts = [self.prose] + [" | ".join(r) for t in self.tables
                                for r in t.rows]
        found = [m for t in texts for m in re.finditer(pattern, t)]
        if len(found) != 1:
            raise PageError(f"{self.title}: {len(found)} of {pattern!r}")
        return found[0]

    def number(self, pattern):
        """The quantity where the pattern has a #."""
        return quantity(self.match(pattern.replace("#", f"({QUANTITY})"))[1])

    @functools.cache
    def formula(self, name):
        """What stands in backticks behind `name =`, or all of it."""
        name = re.escape(name)
        m = self.match(rf"`{name} = ([^`]+)`|(?<!\w){name}\W* = `([^`]+)`")
        return m[1] or m[2]


def _sections():
    sections = {"": Section("")}
    with open(PATH, encoding="utf-8") as f:
        for line in f.read().split("\n"):
            m = re.match(r"##+ ([\d.]+?)\.? (.*)", line)
            if m:
                sections[m[1]] = Section(m[0])
            else:
                sections[list(sections)[-1]].lines.append(line)
    return sections


SECTIONS = _sections()
BEGINNING = SECTIONS[""].lines[0]


def section(number):
    if number not in SECTIONS:
        raise PageError(f"no section {number}")
    return SECTIONS[number]


def _limits():
    """{what: number, or (least, most)} of section 1.1; a cell may name
    several things, with one value for all of them or one each."""
    limits = {}
    for what, value, _ in section("1.1").table("limit", "value").rows:
        names = [n for part in what.split("; ") for n in part.split(", ")]
        if ";" in value:
            values = [v for part, v in zip(what.split("; "),
                                           value.split("; "))
                      for _ in part.split(", ")]
        else:
            values = value.split(", ")
        if len(values) == 1:
            values *= len(names)
        if len(values) != len(names):
            raise PageError(f"limits of {what}")
        for name, v in zip(names, values):
            ends = [quantity(q) for q in v.split(" to ")]
            limits[name] = ends[0] if len(ends) == 1 else tuple(ends)
    return limits


LIMITS = _limits()
NUMBERS = {r[0]: r[1] for r in section("1").table("number", "value").rows}
VERSION = quantity(NUMBERS["format version"])
SUITE = quantity(NUMBERS["suite"])
TITLE_VERSION, SUITE_SAID, VERSION_SAID = (int(n) for n in (
    re.match(r"# .*, version (\d)", BEGINNING)[1],
    *section("1").match(r"Suite (\d) has no .* Version (\d) has none of")
    .groups()))


def agree(*numbers):
    """What the page says in several places must be one."""
    if any(n != numbers[0] for n in numbers):
        raise PageError(f"these should be one: {numbers}")


agree(VERSION, TITLE_VERSION, VERSION_SAID)
agree(SUITE, SUITE_SAID)
# Where a time is said to count from a year, it is the same one.
agree(*re.findall(r"since (\d{4})", " ".join(
    line for s in SECTIONS.values() for line in s.lines)))


def files():
    """{first words of what it is: path} of section 3."""
    return {m[2]: m[1] for m in (re.match(r"(\S+) +(.*)", l)
                                 for l in section("3").code) if m}


def path_of(what, **parts):
    """The path of a file of a store, placeholders filled in."""
    found = [p for w, p in files().items() if w.startswith(what)]
    if len(found) != 1:
        raise PageError(f"{len(found)} files are {what!r}")
    path = found[0]
    for name, value in parts.items():
        path, n = re.subn(rf"(?<![A-Za-z]){name}(?![A-Za-z])", value, path)
        if n != 1:
            raise PageError(f"no {name} in {found[0]}")
    return path
