# SPDX-License-Identifier: Apache-2.0
"""Bytes to fields, as the page's tables and sentences list them.

`u32 number of wraps n (1 to 64); u32 zero` is a list of two fields. What a
reader must refuse follows from the words: zero, a range, a list of kinds or
flags, the format version, the suite.
"""

import datetime
import functools
import re

from page import (SUITE, VERSION, PageError, agree, quantity, section,
                  split)

CONVENTIONS = section("1")
UNSIGNED, SIGNED = CONVENTIONS.match(
    r"Integers are little-endian: `([u\d ]+)`, `(i\d+)` in two's").groups()
INTEGERS = {kind: int(kind[1:]) // 8 for kind in (*UNSIGNED.split(" "),
                                                  SIGNED)}
TYPE = rf"(?:{'|'.join(INTEGERS)}|bytes\[[^\]]+\])"
FIXED = rf"(?:{'|'.join(INTEGERS)}|bytes\[\d+\])"
*TIME, BEGAN, _NONE, LAST_NANOSECOND = CONVENTIONS.match(
    r"Times are `(\w+)` seconds since (\S+) and `(\w+)` nanoseconds "
    r"\((\d) to ([\d,]+)\)").group(1, 3, 2, 4, 5)
# Seconds from the computer's beginning of time to the page's.
BEGAN = int(datetime.datetime.fromisoformat(BEGAN).timestamp())
NANOSECONDS = quantity(LAST_NANOSECOND) + 1
agree(_NONE, "0")
COUNTED_FROM = CONVENTIONS.number(
    "Ordinals, compartments, epochs and recipients count from #")
COUNTED = r"(u\d+) length( \([^)]*\))? and bytes(?: of(?: the| its)?)? (.*)"


class Refused(Exception):
    """What a reader must not believe."""


def refuse(what):
    raise Refused(what)


def need(condition, what):
    if not condition:
        refuse(what)


class Cursor:
    """Bytes that are used up from their first to their last."""

    def __init__(self, data, what):
        self.data, self.what, self.at = data, what, 0

    def take(self, n):
        need(n <= len(self.data) - self.at, f"{self.what}: cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, kind):
        return int.from_bytes(self.take(INTEGERS[kind]), "little",
                              signed=kind == "i64")

    def counted(self, kind):
        return self.take(self.number(kind))

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), f"{self.what}: bytes left over")


def _width(kind):
    if kind in INTEGERS:
        return INTEGERS[kind]
    return quantity(re.fullmatch(r"bytes\[(.+)\]", kind)[1])


class Field:
    """One of a list. kinds has two members for a time: seconds and
    nanoseconds; counted is for bytes with their length before them."""

    def __init__(self, kinds, text, counted=False):
        self.kinds, self.counted = kinds, counted
        self.literal = None
        if text.startswith("`") and text.endswith("`"):
            self.literal, text = text.strip("`").encode("ascii"), "literal"
        label, self.notes = re.fullmatch(r"([^(:,.]*)(.*)", text).groups()
        label = re.sub(r"^(the|its|their|an?) | [a-zEK]$", "", label.strip())
        self.label = label.strip()

    def note(self, text):
        self.notes += ", " + text

    @functools.cached_property
    def size(self):
        return sum(_width(k) for k in self.kinds)

    @functools.cached_property
    def choices(self):
        """{number: meaning}, where the notes begin with such a list."""
        if not re.match(r"(: | ?\()\d+:? (?!if |to )[A-Za-z]", self.notes) or \
                "else" in self.notes:
            return {}
        return {quantity(n): what for n, what in re.findall(
            r"(?:^:|[(,;]) *(\d+):? ([A-Za-z][^,;()]*)", self.notes)}

    @functools.cached_property
    def range(self):
        m = re.search(r"(\d[\d,]*) to (\d[\d,]*(?: KiB| MiB)?)", self.notes)
        if m:
            return quantity(m[1]), quantity(m[2])
        m = re.search(r"(?:from|at least) (\d+)", self.notes)
        if m:
            return quantity(m[1]), None
        m = re.fullmatch(r" ?\((\d+)\)|: (\d+)", self.notes)
        if m:
            return (quantity(m[1] or m[2]),) * 2
        return None, None

    def _check(self, value, what):
        if self.label == "format version":
            need(value <= VERSION, f"{what}: of a newer format")
            need(value == VERSION, f"{what}: format version")
        if self.label == "suite":
            need(value == SUITE, f"{what}: suite")
        if self.label == "zero":
            need(not any(value) if isinstance(value, bytes) else value == 0,
                 f"{what}: not zero")
        if self.literal is not None:
            need(value == self.literal, f"{what}: no {self.literal}")
        if self.counted:
            value = len(value)
        if isinstance(value, int):
            self._check_number(value, f"{what}: {self.label} {value}")

    def _check_number(self, value, what):
        if re.search(r"(ordinal|compartment|epoch|recipient)( |$)",
                     self.label) and not self.label.startswith("number of"):
            need(value >= COUNTED_FROM, what)
        least, most = self.range
        need(least is None or value >= least, what)
        need(most is None or value <= most, what)
        choices = self.choices
        if choices and self.label in ("flags", "options"):
            need(value & ~sum(choices) == 0, what)
        elif choices:
            need(value in choices, what)

    def take(self, cursor):
        if self.counted:
            value = cursor.counted(self.kinds[0])
        elif len(self.kinds) == 2:
            agree(self.kinds, tuple(TIME))
            value = tuple(cursor.number(k) for k in self.kinds)
            need(value[1] < NANOSECONDS, f"{cursor.what}: nanoseconds")
        elif self.kinds[0] in INTEGERS:
            value = cursor.number(self.kinds[0])
        else:
            value = cursor.take(self.size)
        self._check(value, cursor.what)
        return value


def fields(text):
    """The fields that a sentence lists."""
    found, before = [], ()
    for item in split(text.rstrip("."), ("; ", ", ")):
        counted = re.fullmatch(COUNTED, item)
        plain = re.fullmatch(rf"({TYPE})(?: (.+))?", item)
        if counted:
            found.append(Field((counted[1],),
                               counted[3] + (counted[2] or ""), True))
        elif plain and not plain[2]:
            before += (plain[1],)
        elif plain:
            found.append(Field(before + (plain[1],), plain[2]))
            before = ()
        elif found:
            found[-1].note(item)
        else:
            raise PageError(f"no field: {item!r}")
    if before or not found:
        raise PageError(f"fields without names: {text!r}")
    return found


class Values(dict):
    """By label; the beginning of a label does if no other begins so."""

    def __missing__(self, begin):
        found = [label for label in self if label.startswith(begin)]
        if len(found) != 1:
            raise PageError(f"{len(found)} fields are {begin!r}")
        return self[found[0]]


class Struct:
    """Fields one behind the other, by label."""

    def __init__(self, found):
        self.fields = found
        labels = [f.label for f in found if f.label != "zero"]
        if len(set(labels)) != len(labels):
            raise PageError(f"fields of one name: {labels}")

    @classmethod
    def text(cls, text):
        return cls(fields(text))

    @classmethod
    def table(cls, table):
        """The rows of fixed place; .rest has those behind them."""
        at, found, rest = 0, [], []
        for offset, kind, *text in table.rows:
            if rest or not re.fullmatch(FIXED, kind):
                rest.append((offset, kind, *text))
                continue
            if quantity(offset) != at:
                raise PageError(f"offset {offset} of {text} should be {at}")
            found.append(Field((kind,), text[0]))
            at += found[-1].size
        # The first of those behind them begins where these end.
        if rest and re.fullmatch(r"\d+", rest[0][0]):
            agree(quantity(rest[0][0]), at)
        made = cls(found)
        made.rest = rest
        return made

    @property
    def size(self):
        return sum(f.size for f in self.fields)

    def __getitem__(self, begin):
        return Values((f.label, f) for f in self.fields)[begin]

    def pack(self, **values):
        """Bytes of these values (spaces as _); zero is filled in."""
        return b"".join(
            v if isinstance(v, bytes) else v.to_bytes(f.size, "little")
            for f, v in ((f, 0 if f.label == "zero" else
                          values[f.label.replace(" ", "_")])
                         for f in self.fields))

    def take(self, cursor, **want):
        """The values by label; what is wanted (spaces as _) must be so."""
        values = Values((f.label, f.take(cursor)) for f in self.fields)
        for label, value in want.items():
            need(values[label.replace("_", " ")] == value,
                 f"{cursor.what}: another {label}")
        return values

    def read(self, data, what, **want):
        """The same of bytes that hold nothing else."""
        cursor = Cursor(data, what)
        values = self.take(cursor, **want)
        cursor.end()
        return values
