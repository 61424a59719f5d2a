# SPDX-License-Identifier: Apache-2.0
"""Section 10: what vault and agent said to each other, from a record of
both byte streams."""

import errno
import re

import page
from fields import Cursor, Struct, need
from objects import FLAGS, OWNER_KINDS, REASONS, Entry, attributes
from listing import Digest

WIRE = page.section("10")
FRAME = Struct.text(WIRE.match(r"vault and agent: (.*?), payload\.")[1])
FRAME_MOST = WIRE.number(r"length of the payload \(at most #\)")
TABLE = WIRE.table("type", "from")
BATCH = Struct.text(page.section("10.1").match(
    r"^ *(u32 batch number.*?); then the entries")[1])
ENTRY = Struct.text(page.section("10.1").match(r"Entry: (.*?minor)\.")[1])
NO_PARENT = page.section("10.1").number("parent #, 0;")
BATCH_MOST = page.section("10.1").number(r"count \(at most #\)")
CREDIT_LEAST = WIRE.number("START gives at least #,")
LAST, CUT = BATCH["flags"].choices
FOLLOWS, UNEXAMINED = (n for n, what in ENTRY["flags"].choices.items()
                       if what in ("its entries follow",
                                   "could not be examined"))
UNKNOWN, _WITH = (int(n) for n in re.search(
    r"or (\d), not known, only with flag (\d)", ENTRY["kind"].notes).groups())
page.agree(_WITH, UNEXAMINED)
FIRST, _PARENT_ENTRY, _FOLLOWS = page.section("10.1").match(
    r"Batch (\d) lists the roots: .* parent 0x\w+, (\d); .* Every entry with "
    r"flag (\d) is a directory whose batches follow").groups()
FIRST, PARENT_ENTRY = int(FIRST), int(_PARENT_ENTRY)
page.agree(int(_FOLLOWS), FOLLOWS)
# What stands in a frame behind its fields.
TAILS = {"START": "then ", "WANT": "u8 per entry", "ATTRS": "an attribute",
         "LINK": "target", "DATA": "bytes ("}
VAULT, AGENT = "vault", "agent"


def _payload(name, text):
    if name in TAILS:
        text = text.split("; " + TAILS[name])[0]
    if text.startswith("-") or text == "10.1":
        return None
    return Struct.text(text)


TYPES = {page.quantity(n): (side, name, _payload(name, text), text)
         for n, side, name, text in TABLE.rows}


TYPES_BY_NAME = {name: struct for _, name, struct, _ in TYPES.values()}


def _numbers(name, pattern):
    """The numbers that a frame's row has where the pattern says."""
    found = [m for m in (re.search(pattern, t[3]) for t in TYPES.values()
                         if t[1] == name) if m]
    return [page.quantity(n) for n in found[0].groups()]


PATHS = _numbers("START", r"u16 paths \((\d+) to ([\d,]+);")
WAITING = _numbers("HELLO", r"for an answer \((\d+) to (\d+)\)")
DATA_RANGE = _numbers("DATA", r"bytes \((\d+) to (\d+ KiB)\)")
WANTS = _numbers("WANT", r"(\d+) content, (\d+) attributes")
START_STRING = re.search(r"then (u\d+) length and bytes for each path and",
                         [t[3] for t in TYPES.values()
                          if t[1] == "START"][0])[1]
CHANGED_END, UNREAD_END = TYPES_BY_NAME["FILE_END"]["flags"].choices
_FLAGS = {n: begin for what, n in FLAGS.items() for begin in ("changed", "could")
          if what.startswith(begin)}


def _check_prose():
    """What the text below the table says of flags and reasons."""
    changed, unread = _FLAGS
    page.agree([int(n) for n in WIRE.match(
        r"did not come gets flag (\d) \(7\.2\)\. FILE_END with flag (\d) gives "
        r"the entry flag (\d), and with size (\d) leaves it size and times of "
        r"the listing; with flag (\d) it gives flag (\d) and a problem of "
        r"reason (\d)\. What could not be examined is told by a PROBLEM of "
        r"reason (\d) and").groups()],
        [unread, UNREAD_END, unread, 0, CHANGED_END, changed] + [
            n for n, what in REASONS.items()
            if what in ("changed while read", "not examined")])
    page.agree([int(n) for n in WIRE.match(
        r"a PROBLEM of reason (\d), (\d) or (\d) with errno (\d) becomes one "
        r"problem of reason (\d)\. With a PROBLEM of reason (\d) or (\d) an "
        r"entry gets flag (\d+), and").groups()],
        [n for name in ("not opened", "attributes not read",
                        "link target not read")
         for n, what in REASONS.items() if what == name]
        + [errno.ENOENT] + [n for n, what in REASONS.items()
                            if what == "changed while read"]
        + [n for n, what in REASONS.items() if what.startswith("attributes")]
        + [FLAGS["lacks attributes"]])


_check_prose()


def frames(data, side):
    """(name, fields, cursor on what follows them) of one stream."""
    cursor = Cursor(data, side)
    while cursor.at < len(data):
        head = FRAME.take(cursor)
        need(head["length of the payload"] <= FRAME_MOST
             and head["type"] in TYPES and TYPES[head["type"]][0] == side,
             f"{side}: frame {head['type']}")
        _, name, struct, _ = TYPES[head["type"]]
        payload = Cursor(cursor.take(head["length of the payload"]),
                         f"{side}: {name}")
        yield name, struct.take(payload) if struct else None, payload


class Batch:
    """Some entries of a directory, and what came of their contents."""

    def __init__(self, cursor, earlier):
        head = BATCH.take(cursor)
        self.number, self.flags = head["batch number"], head["flags"]
        self.parent, self.index = head["parent batch"], head["parent entry"]
        n = head["count"]
        need(n <= BATCH_MOST and self.number == len(earlier),
             f"batch {self.number}: number or count")
        if self.number == FIRST:
            need((self.parent, self.index) == (NO_PARENT, PARENT_ENTRY),
                 "batch 0")
        else:
            need(self.parent < self.number, f"batch {self.number}: parent")
            above = earlier[self.parent].entries[self.index]
            need(above["flags"] & FOLLOWS, f"batch {self.number}: no directory")
        self.entries, self.raw = [], []
        for _ in range(n):
            at = cursor.at
            self.entries.append(ENTRY.take(cursor))
            self.raw.append(cursor.data[at:cursor.at])
            self._check(self.entries[-1])
        cursor.end()
        self.files = {}

    @property
    def last(self):
        return self.flags & LAST != 0

    @property
    def in_part(self):
        """Whether its directory is not read to its end, or lists what could
        not be examined."""
        return self.flags & CUT != 0 or any(
            e["flags"] & UNEXAMINED for e in self.entries)

    def below(self):
        """The directories whose batches follow."""
        return [(self.number, i) for i, e in enumerate(self.entries)
                if e["flags"] & FOLLOWS]

    def _check(self, entry):
        what = f"batch {self.number}: entry"
        need(entry["kind"] in Entry.KINDS or entry["kind"] == UNKNOWN
             and entry["flags"] & UNEXAMINED, f"{what}: kind")
        need((entry["name"] == b"") == (self.number == 0), f"{what}: name")


class File:
    """The bytes of one entry, as they come."""

    def __init__(self):
        self.digest, self.at, self.end = Digest(), 0, None

    def piece(self, offset, length, data=None):
        need(offset == self.at and self.end is None, "a gap, or too late")
        if data is not None:
            self.digest.data(offset, data)
        self.at += length


class Listed:
    """All that was said of one entry; None where nothing was."""

    def __init__(self, talk, batch, index):
        key = batch.number, index
        self.raw, self.fields = batch.raw[index], batch.entries[index]
        self.names = [talk.owners.get((kind, self.fields[who]), b"")
                      for kind, who in OWNER_KINDS]
        self.file = batch.files.get(index)
        self.attributes = talk.attributes.get(key)
        self.target = talk.targets.get(key)
        reasons = [reason for place, reason, _ in talk.problems
                   if place == key]
        self.problem = bool(reasons)
        self.lacks_attributes = any(REASONS[r].startswith("attributes")
                                    for r in reasons)
        self.in_part = key in talk.in_part


class Order:
    """Depth first: what a batch lists is done before its directory's next
    batch, and names ascend over all batches of a directory."""

    def __init__(self):
        self.stack = []                 # [directory, last, name, below]

    def batch(self, batch):
        here, what = (batch.parent, batch.index), f"batch {batch.number}"
        self.done()
        top = self.stack[-1] if self.stack else None
        if top and top[3]:
            need(top[3].pop(0) == here, f"{what}: not its turn")
            top = None
        need(top is None and (batch.number == 0 or self.stack)
             or top is not None and top[0] == here, f"{what}: not its turn")
        if top is None:
            self.stack.append(top := [here, False, None, []])
        for entry in batch.entries if batch.number else ():
            need(top[2] is None or top[2] < entry["name"],
                 f"{what}: order of names")
            top[2] = entry["name"]
        top[1], top[3] = batch.last, batch.below()

    def done(self):
        """Whether nothing is left to come."""
        while self.stack and self.stack[-1][1] and not self.stack[-1][3]:
            self.stack.pop()
        return not self.stack


class Talk:
    """Both streams, checked against each other."""

    def __init__(self, vault, agent):
        self.credit, self.spent = 0, 0
        self.batches, self.owners, self.problems = [], {}, []
        self.attributes, self.targets, self.wanted = {}, {}, {}
        self.in_part = set()            # directories
        self.done, self.stopped, self.order = False, False, Order()
        said = list(frames(vault, VAULT))
        need([n for n, _, _ in said[:2]] == ["HELLO", "START"],
             "vault: HELLO and START come first")
        for name, values, cursor in said:
            getattr(self, "_vault_" + name.lower())(values, cursor)
            cursor.end()
        for i, (name, values, cursor) in enumerate(frames(agent, AGENT)):
            need((i == 0) == (name == "HELLO") and not self.done,
                 f"agent: {name} at the wrong time")
            before = len(cursor.data)
            getattr(self, "_agent_" + name.lower())(values, cursor)
            cursor.end()
            if name in ("ATTRS", "LINK", "DATA", "HOLE"):
                self.spent += before
        need(self.done and self.spent <= self.credit, "agent: credit")

    def listed(self):
        """{directory: {name: Listed}} of the first path; the root's own
        entry is under None."""
        paths, found = {}, {}
        for batch in self.batches:
            above = paths.get((batch.parent, batch.index))
            for i, entry in enumerate(batch.entries):
                path = entry["name"]
                if above is not None:
                    path = above + b"/" + path if above else path
                found.setdefault(above, {})[entry["name"]] = Listed(
                    self, batch, i)
                paths[batch.number, i] = path
                if entry["flags"] & FOLLOWS:
                    found[path] = {}
        return found

    # What the vault says.

    def _vault_hello(self, values, _):
        pass

    def _vault_start(self, values, cursor):
        need(PATHS[0] <= values["paths"] <= PATHS[1], "START: paths")
        self.credit = values["credit"]
        need(self.credit >= CREDIT_LEAST, "START: credit")
        self.paths = [cursor.counted(START_STRING)
                      for _ in range(values["paths"])]
        self.excludes = [cursor.counted(START_STRING)
                         for _ in range(values["excludes"])]
        need(all(p.startswith(b"/") for p in self.paths), "START: paths")

    def _vault_want(self, values, cursor):
        need(values["batch"] not in self.wanted, "WANT: the same twice")
        wants = cursor.take(values["count"])
        need(all(w & ~sum(WANTS) == 0 for w in wants), "WANT: flags")
        self.wanted[values["batch"]] = wants

    def _vault_credit(self, values, _):
        self.credit += values["credit"]

    def _vault_stop(self, values, _):
        self.stopped = True

    # What the agent says.

    def _agent_hello(self, values, _):
        self.clock = values["source's clock in seconds"]

    def _agent_owner(self, values, _):
        self.owners[values["kind"], values["number"]] = values["name"]

    def _agent_batch(self, _, cursor):
        self.batches.append(Batch(cursor, self.batches))
        self.order.batch(self.batches[-1])
        if self.batches[-1].in_part:
            self.in_part.add((self.batches[-1].parent, self.batches[-1].index))

    def _place(self, values, want=0):
        """The entry that a frame is about; it must have been asked for."""
        number, index = values["batch"], values["entry"]
        need(number < len(self.batches)
             and index < len(self.batches[number].entries),
             "agent: no such entry")
        wants = self.wanted.get(number, b"")
        need(not want or index < len(wants) and wants[index] & want,
             "agent: not asked for")
        return number, index

    def _agent_attrs(self, values, cursor):
        self.attributes[self._place(values, WANTS[1])] = attributes(
            cursor.rest(), "ATTRS")

    def _agent_link(self, values, cursor):
        self.targets[self._place(values, WANTS[0])] = cursor.rest()

    def _file(self, values):
        number, index = self._place(values, WANTS[0])
        return self.batches[number].files.setdefault(index, File())

    def _agent_data(self, values, cursor):
        data = cursor.rest()
        need(DATA_RANGE[0] <= len(data) <= DATA_RANGE[1], "DATA: length")
        self._file(values).piece(values["offset"], len(data), data)

    def _agent_hole(self, values, _):
        self._file(values).piece(values["offset"], values["length"])

    def _agent_file_end(self, values, _):
        file = self._file(values)
        need(file.at == values["size"], "FILE_END: size")
        file.end = values

    def _agent_restart(self, values, _):
        number, index = self._place(values, WANTS[0])
        self.batches[number].files[index] = File()

    def _agent_problem(self, values, _):
        need(values["reason"] in REASONS, "PROBLEM: reason")
        self.problems.append((self._place(values), values["reason"],
                              values["errno"]))

    def _agent_batch_done(self, values, _):
        need(values["batch"] < len(self.batches), "BATCH_DONE: batch")

    def _agent_done(self, values, _):
        need(values["batches sent"] == len(self.batches)
             and (self.stopped or self.order.done()), "DONE: batches")
        self.done = True

