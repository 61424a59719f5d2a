# SPDX-License-Identifier: Apache-2.0
"""What the page asks of a writer, beside what a reader must check: where
nodes and pages end, what lies in which pack, what a leaf counts."""

import functools
import os
import struct

from chacha import xchacha20
import page
from fields import need
from formulas import TAG, file_bytes, siphash
from keys import Epoch, Recipient, Vault
from objects import (CHUNKS_AT, ENTRY_KINDS, PAGES_AT, TYPES, ContentNode,
                     directory_node, directory_page)
from pack import CHUNK, HEADER, LZ4, NO_FIRST, REFERENCE, ROWS_FROM

CONTENT, PAGES, NODES = (page.section(n) for n in ("7.1", "7.2", "7.3"))
HASH = r"SipHash-2-4 \(page key, (?:first )?name\)"
PAGE_LEAST = PAGES.number("come to # or more")
PAGE_BITS = PAGES.number(HASH + " has its low # bits zero")
PAGE_MOST = PAGES.number("an entry that carries them to #")
NODE_LEAST = NODES.number("from the #nd on")
NODE_BITS = tuple(int(n) for n in NODES.match(
    r"where bits (\d+) to (\d+) of " + HASH).groups())
NODE_MOST = NODES.number("are zero, and after the #th")
CONTENT_EVERY = CONTENT.number("first u32 is 0 modulo #")
CONTENT_LEAST = CONTENT.number("not before # entries")
CONTENT_MOST = CONTENT.number("entries, at the latest after #\\. Holes")
BLOCKS = page.section("6.3").match(
    r"over (\d+ KiB), a metadata block (\d+ KiB)").groups()


CUT_LEAST, CUT_AIM, CUT_MOST = (page.quantity(n) for n in CONTENT.match(
    r"first place more than ([\d,]+) bytes behind .* more than ([\d,]+) bytes "
    r"on, .* after ([\d,]+) bytes\. A hole").groups())
MASK_BEFORE, MASK_AFTER = (int(n, 16) for n in CONTENT.match(
    r"under the mask (0x\w+), or, .* under (0x\w+); at").groups())
WINDOW = CONTENT.number("over the # bytes b before it")
ALL = CONTENT.number(r"is, modulo #, the sum") - 1
GEAR, GEAR_BYTES = (page.quantity(n) for n in CONTENT.match(
    r"gear table is (\d+) u64, the first ([\d,]+) bytes of").groups())
CUTTERS = CONTENT.table("cutter").numbers()
FIXED = {n: page.quantity(what.split(", ")[-1]) for what, n in CUTTERS.items()
         if "fixed" in what}
IMAGES_SAID = CONTENT.match(
    r"Cutters (\d) and (\d) are for files above (\d+ KiB), .* that is "
    r"`(\w+)` or ends, behind something else, in `([^`]*)`: (\d), from "
    r"(\d+ GiB) on (\d)\. All others are cut by (\d)").groups()
IBDATA = IMAGES_SAID[3].encode("ascii")
SUFFIXES = [s.encode("ascii") for s in IMAGES_SAID[4].split(" ")]
ABOVE, HUGE = page.quantity(IMAGES_SAID[2]), page.quantity(IMAGES_SAID[6])
SMALL, LARGE, OTHER = (int(IMAGES_SAID[i]) for i in (5, 7, 8))
_TABLE = CONTENT.match(r"content-defined: minimum (\d+ KiB), about (\d+ KiB), "
                       r"maximum (\d+ KiB)").groups()
page.agree([page.quantity(n) for n in _TABLE],
           [CUT_LEAST, CUT_AIM, CUT_MOST])
page.agree(OTHER, CONTENT.number(r"\*\*Cutter #\.\*\*"))
page.agree([str(SMALL), str(LARGE)], list(IMAGES_SAID[:2]))
page.agree((1 << WINDOW) - 1, ALL)
page.agree(CONTENT.number("b before it, k = # for the nearest"), 0)
LOOKED_AT = 2 << 20                     # bytes of a file, as this is slow


class Ends:
    """Whether a list was cut where it must be: after each member that ends
    it, and nowhere else but at its end."""

    def __init__(self, what):
        self.what, self.over = what, False

    def member(self, ends):
        need(not self.over, f"{self.what}: should have ended before")
        self.over = ends

    def end(self, last):
        need(last or self.over, f"{self.what}: ends too soon")


def audit_file(snapshot, entry, slots):
    """Which cutter it was, where the pieces end, and where the nodes do."""
    if entry.kind != "regular" or not entry["content"]:
        return
    pieces = Pieces(snapshot.compartment)
    if entry["content"] == TYPES["chunk"]:
        pieces.cutter = cutter_of(entry)
        pieces.data(snapshot.object(slots[0], TYPES["chunk"]).content)
    else:
        _content(snapshot, slots[0], True, pieces)
    # A file that changed may be listed with another size than it had.
    need(pieces.cutter == cutter_of(entry) or entry.flag("changed")
         or entry.flag("could not"), f"{entry.what}: cutter {entry.name}")
    pieces.end()


def cutter_of(entry):
    name, one = entry.name, entry["number of links at the source"] is None
    image = name == IBDATA or any(name.endswith(s) and name != s
                                  for s in SUFFIXES)
    if image and one and entry["size"] > ABOVE:
        return LARGE if entry["size"] >= HUGE else SMALL
    return OTHER


def _content(snapshot, slot, last, pieces):
    found = snapshot.object(slot, TYPES["content node"])
    node = ContentNode(found.content, found.what)
    pieces.cutter = node.cutter
    ends, slots, before, data = Ends(found.what), list(found.refs), None, b""
    for i, (kind, begin, end) in enumerate(node.entries):
        first, at_end = None, last and i + 1 == len(node.entries)
        need(kind != before or kind == ENTRY_KINDS["data"],
             f"{found.what}: two entries that are one")
        if kind == ENTRY_KINDS["data"]:
            first = int.from_bytes(slots[0][:4], "little")
            if node.level != CHUNKS_AT:
                _content(snapshot, slots.pop(0), at_end, pieces)
            else:
                data = snapshot.object(slots.pop(0), TYPES["chunk"]).content
                pieces.data(data)
        elif kind == ENTRY_KINDS["repeat"]:
            for _ in range((end - begin) // len(data)):
                pieces.data(data)
        else:
            pieces.end()
        before = kind
        ends.member(i + 1 >= CONTENT_LEAST and first is not None
                    and first % CONTENT_EVERY == 0 or i + 1 == CONTENT_MOST)
    ends.end(last)


class Pieces:
    """Pieces of a file that touch: each must end where its cutter says, the
    last of them may end sooner."""

    def __init__(self, keys):
        self.gear = gear_table(keys.cutting_key)
        self.cutter, self.run, self.looked = None, [], 0

    def data(self, piece):
        self.run.append(piece)

    def end(self):
        """A hole, or the end of the file."""
        for i, piece in enumerate(self.run):
            last = i + 1 == len(self.run)
            self._check(piece, last)
        self.run = []

    def _check(self, piece, last):
        size, what = len(piece), f"piece of {len(piece)} bytes"
        if self.cutter in FIXED:
            fixed = FIXED[self.cutter]
            need(size == fixed or last and size < fixed, what)
            return
        need(size <= CUT_MOST and (last or size > CUT_LEAST), what)
        self.looked += size
        if self.looked <= LOOKED_AT:
            place = first_cut(self.gear, piece)
            need(place == size or place is None
                 and (last or size == CUT_MOST), what)


@functools.cache
def gear_table(key):
    return struct.unpack(f"<{GEAR}Q", xchacha20(key, bytes(24), GEAR_BYTES))


@functools.lru_cache(64)
def first_cut(gear, piece):
    """The first place in a piece where it must end, or None."""
    value, mask = 0, MASK_BEFORE
    for i in range(max(0, CUT_LEAST - WINDOW + 1), min(len(piece),
                                                       CUT_LEAST)):
        value = (value << 1) + gear[piece[i]] & ALL
    for i in range(CUT_LEAST, len(piece)):
        value = (value << 1) + gear[piece[i]] & ALL
        if i == CUT_AIM:
            mask = MASK_AFTER
        if value & mask == 0:
            return i + 1
    return None


def audit_directory(snapshot, entry, slots):
    if entry.kind == "directory" and entry["content"]:
        _directory(snapshot, slots[0], entry["content"], True, True)


def _directory(snapshot, slot, kind, last, top):
    found = snapshot.object(slot, kind)
    ends, key = Ends(found.what), snapshot.compartment.page_key
    if kind == TYPES["directory page"]:
        size = 0
        for entry in directory_page(found.content, found.what)[1]:
            size += entry.size
            ends.member(size >= PAGE_LEAST and siphash(key, entry.name)
                        % (1 << PAGE_BITS) == 0 or size >= PAGE_MOST)
        ends.end(last)
        return
    level, children = directory_node(found.content, found.what)
    need(not top or len(children) > 1, f"{found.what}: one level too many")
    low, high = NODE_BITS
    for i, child in enumerate(children):
        bits = siphash(key, child["first name"]) >> low
        ends.member(i + 1 >= NODE_LEAST and bits % (1 << high - low + 1) == 0
                    or i + 1 == NODE_MOST)
        _directory(snapshot, found.refs[i], TYPES[
            "directory page" if level == PAGES_AT else "directory node"],
            last and i + 1 == len(children), False)
    ends.end(last)


def audit_pack(pack):
    """Every object of it, and how they lie in blocks."""
    limit = page.quantity(BLOCKS[0 if HEADER["kind"].choices[pack.kind]
                                 == "data" else 1])
    block, place, refs, sizes = 0, 0, 0, {}
    for number in range(pack.row_count):
        row, what = pack.row(number), f"{pack.what}: row {number}"
        count = row["number of references"]
        if row["block"] != block:
            need(row["block"] == block + 1, f"{what}: block")
            block, place, refs = row["block"], 0, 0
        need(row["offset"] == place and row["first reference"]
             == (refs if count else NO_FIRST), f"{what}: place")
        place, refs = place + row["length"], refs + count
        kind, _, content, _ = pack.object(number + ROWS_FROM)
        need((HEADER["kind"].choices[pack.kind] == "data")
             == (kind == CHUNK), f"{what}: in a pack of the other kind")
        before = sizes.get(row["block"], 0)
        need(before == 0 or before + len(content) <= limit,
             f"{what}: its block is too large")
        sizes[row["block"]] = before + len(content)
    need(len(sizes) == pack.block_count, f"{pack.what}: blocks")
    for number, row in enumerate(pack.map):
        plain, refs = pack.block(number)
        packed = row["sealed length"] - TAG
        need(len(plain) == sizes[number], f"{pack.what}: block {number}")
        need(packed < len(plain) if row["codec"] == LZ4 else
             packed == len(plain), f"{pack.what}: codec of block {number}")
        need(all(REFERENCE.read(r, pack.what)["pack ordinal"] for r in refs),
             f"{pack.what}: references")


def audit_snapshot(snapshot):
    """Its closure: leaf and manifest must say the same of it."""
    counts = {"entries": 0, "regular files": 0, "directories": 0,
              "file bytes": 0}
    for _, _, entry, slots, _ in snapshot.walk():
        counts["entries"] += 1
        counts["directories"] += entry.kind == "directory"
        if entry.kind == "regular":
            counts["regular files"] += 1
            counts["file bytes"] = file_bytes(counts["file bytes"],
                                              entry["size"])
        audit_file(snapshot, entry, slots)
        audit_directory(snapshot, entry, slots)
        snapshot.attributes(entry, slots)
        if entry.kind == "symbolic link":
            snapshot.target(entry, slots)
    snapshot.problems()
    need(snapshot.used == set(snapshot.manifest.roots),
         f"{snapshot.name}: the manifest is not the closure")
    for name, count in counts.items():
        need(snapshot.body[name] == count,
             f"{snapshot.name}: {name} {snapshot.body[name]}, not {count}")


def audit_copies(store):
    """What keys/ has must be what the ledger says."""
    for kind, what, number in (
            ("recipient", "copy of a recipient",
             lambda t: (Recipient(t, store.id).head["recipient number"],)),
            ("epoch", "copy of an epoch",
             lambda t: tuple(Epoch(t, store.id).head[n] for n in
                             ("compartment", "epoch")))):
        said = {number(l.text): l.text for l in store.ledger.of(kind)}
        for name, copy in store.copies(what).items():
            need(said.get(name) == copy, f"{kind} {name}: another copy")
    path = page.path_of("0600")
    if os.path.exists(os.path.join(store.folder, path)):
        vault = Vault(store.file(path), store.id)
        need(vault.ledger_key == store.conf.ledger_key
             and vault.head["log key"] == store.log_key
             and vault.secrets == {c.number: c.secret for c in
                                   store.compartments.values()},
             "vault key file: other keys")


def audit(store):
    """The whole store; how many of what were looked at."""
    audit_copies(store)
    roots = {}
    for leaf in store.ledger.of("pack sealed"):
        ordinal = leaf.clear["ordinal"]
        need(ordinal not in roots and ordinal > 0, f"{leaf.what}: ordinal")
        roots[ordinal] = leaf.clear["pack root"]
        audit_pack(store.pack(store.compartments[leaf.clear["compartment"]],
                              ordinal, roots[ordinal]))
    seen = set()
    for snapshot in store.snapshots():
        # What has the same root was looked at, but for its counts.
        if (snapshot.body["id"], snapshot.source) not in seen:
            audit_snapshot(snapshot)
        seen.add((snapshot.body["id"], snapshot.source))
        for ordinal, root in snapshot.manifest.roots.items():
            need(roots.get(ordinal) == root,
                 f"{snapshot.name}: pack {ordinal} was not sealed so")
    return {"leaves": len(store.ledger.leaves), "packs": len(roots),
            "snapshots": len(store.snapshots())}
