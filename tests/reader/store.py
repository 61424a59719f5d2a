# SPDX-License-Identifier: Apache-2.0
"""Section 12: from a passphrase to the entries and bytes of a snapshot."""

import functools
import os
import re
from collections import OrderedDict

import page
from fields import Refused, need, refuse
from formulas import file_bytes
from keys import Conf, Epoch, Recipient, derived
from ledger import NUMBERS, Ledger
from objects import (CHUNKS_AT, ENTRY_KINDS, PAGES_AT, REASONS, TYPES,
                     ContentNode, attributes, check_text, directory_node,
                     directory_page, problem_list, slots_of, snapshot_root)
from pack import (MAP_SLICE, REFERENCE, SLICE, TABLE_SLICE, TRAILER_SIZE,
                  Manifest, Pack)

# How many lists may go on after one.
LISTS = [int(n) for n in re.match(
    r"(\d) or (\d): the list that goes on", page.section("7").table(
        "type").row("problem list", 1)[3]).groups()]
NOT_COUNTED = page.section("9.2").number(r"problems \(but those of reason #\)")
page.agree(REASONS[NOT_COUNTED], "changed while read")
PACKS = 16                              # mapped at a time


def _check_steps():
    """Section 12 names files, types and sizes that stand elsewhere."""
    steps = page.section("12")
    known = {part for path in page.files().values()
             for part in (path, path.rpartition("/")[2])} | {"check"}
    for name in re.findall(r"`([^`]+)`", steps.prose):
        need(name in known, f"section 12: no {name}")
    page.agree([int(n) for n in re.findall(
        r"le(?:af|aves) of type (\d)", steps.prose)],
        [NUMBERS[n] for n in ("recipient", "snapshot", "epoch")])
    page.agree([page.quantity(n) for n in steps.match(
        r"the last (\d+) bytes of the hashed region\), the table slice row / "
        r"(\d+) and the block map slice block / (\d+), each after its "
        r"(\d+ KiB) slices").groups()],
        [TRAILER_SIZE, TABLE_SLICE, MAP_SLICE, SLICE])
    page.agree(steps.match(r"compare its (\S+) with HASH")[1],
               page.section("3").match(r"HASH is the (\S+) of the file")[1])
    page.agree(steps.number("Read slice #, compare with its leaf"), 0)
    page.agree(steps.number(r"\(step # opens bodies\)"), int(steps.match(
        r"(\d+)\. Open the snapshot leaf's body")[1]))


_check_steps()


class Compartment:
    """The keys under which the packs of a compartment lie."""

    def __init__(self, store, number, secret):
        self.store, self.number, self.secret = store, number, secret
        self.epochs = {}
        self.id_key, self.reference_key, self.cutting_key, self.page_key = (
            derived(name, compartment_secret=secret) for name in
            ("id key", "reference key", "cutting key", "page key"))


class Store:
    """A store whose ledger is checked and whose keys are at hand."""

    def __init__(self, folder, passphrase):
        self.folder = folder
        self.conf = Conf(self.file("store.conf"))
        self.id = self.conf.store
        self.ledger = Ledger(folder, self.id)
        self.recipient, public = self._open_recipient(passphrase)
        self.ledger.check(public)
        need(self.conf.ledger_key == public,
             "store.conf: another ledger key")
        self.log_key, self.compartments = None, {}
        self.packs = OrderedDict()
        for leaf in self.ledger.of("epoch"):
            self._open_epoch(Epoch(leaf.text, self.id))
        need(self.log_key, "no epoch record")
        self.ledger.open(self.log_key)

    def file(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def copies(self, what):
        """{numbers in its name: bytes} of the copies in keys/."""
        folder, name = os.path.split(page.path_of(what))
        pattern = re.sub(r"(?<=-)[A-Z]", r"([1-9]\\d*)", name)
        whole, found = os.path.join(self.folder, folder), {}
        for entry in os.listdir(whole) if os.path.isdir(whole) else ():
            m = re.fullmatch(pattern, entry)
            if m:
                found[tuple(int(n) for n in m.groups())] = self.file(
                    os.path.join(folder, entry))
        return found

    def _open_recipient(self, passphrase):
        """Number and X25519 secret of whom the passphrase belongs to, and
        the ledger's public key. The leaves serve where no copy does; none
        of them needs to be believed for that."""
        reason = "no recipient blob"
        for blob in [b for _, b in sorted(
                self.copies("copy of a recipient").items())] + [
                leaf.text for leaf in self.ledger.of("recipient")]:
            try:
                recipient = Recipient(blob, self.id)
                secret, public = recipient.open(passphrase)
                return (recipient.head["recipient number"], secret), public
            except Refused as e:
                reason = e
        return refuse(reason)

    def _open_epoch(self, epoch):
        number, secret = self.recipient
        if number not in epoch.recipients:
            return
        found, head = epoch.open(number, secret), epoch.head
        need(self.log_key in (None, found["log key"]),
             "epoch record: another log key")
        self.log_key = found["log key"]
        compartment = self.compartments.setdefault(
            head["compartment"], Compartment(
                self, head["compartment"], found["compartment secret"]))
        need(compartment.secret == found["compartment secret"],
             "epoch record: another compartment secret")
        need(head["epoch"] not in compartment.epochs,
             "epoch record: the same twice")
        compartment.epochs[head["epoch"]] = found["epoch secret"]

    def pack(self, compartment, ordinal, root):
        """A pack, kept open for a while."""
        key = compartment.number, ordinal, root
        if key not in self.packs:
            self.packs[key] = Pack(compartment, ordinal, root)
            if len(self.packs) > PACKS:
                self.packs.popitem(last=False)
        self.packs.move_to_end(key)
        return self.packs[key]

    def snapshots(self):
        return [Snapshot(self, leaf) for leaf in self.ledger.of("snapshot")]

    def snapshot(self, name):
        """SOURCE@latest, or the first digits of an id."""
        source, at, which = name.partition("@")
        found = [s for s in self.snapshots() if (
            s.source == source if at else s.name.startswith(name))]
        need(found and (which == "latest" if at else len(found) == 1),
             f"no snapshot {name}")
        return found[-1]


class Object:
    """What an address leads to; the id has been compared."""

    def __init__(self, kind, refs, content, what):
        self.kind, self.refs, self.what = kind, refs, what
        self.content = content


class Snapshot:
    """What one leaf of the ledger leads to."""

    def __init__(self, store, leaf):
        self.store, self.leaf, self.body = store, leaf, leaf.body
        self.name = store.ledger.hash_of(leaf).hex()
        self.source = self.body["source's name"].decode("ascii")
        self.compartment = store.compartments[leaf.clear["compartment"]]
        self._manifest, self._root = None, None
        self.used = set()

    @property
    def manifest(self):
        if self._manifest is None:
            name = self.leaf.clear["manifest hash"]
            path = page.path_of("HASH is the", HASH=name.hex())
            self._manifest = Manifest(self.store.file(path), name,
                                      self.store.id, self.leaf.clear["pull"])
        return self._manifest

    def pack(self, ordinal):
        self.used.add(ordinal)
        need(ordinal in self.manifest.roots,
             f"pack {ordinal} is not in the manifest")
        return self.store.pack(self.compartment, ordinal,
                               self.manifest.roots[ordinal])

    def object(self, reference, *types):
        """The object that id, ordinal and row name, of one of the types."""
        ref = reference if isinstance(reference, dict) else \
            REFERENCE.read(reference, "reference")
        what = f"pack {ref['pack ordinal']}: row {ref['row']}"
        kind, refs, content, name = self.pack(ref["pack ordinal"]).object(
            ref["row"])
        need(name == ref["id"], f"{what}: another id")
        need(kind in types, f"{what}: type {kind}")
        return Object(kind, refs, content, what)

    # The snapshot root.

    @property
    def root(self):
        """(paths, owner names, number of problems, their slots)"""
        if self._root is None:
            address = {"id": self.body["id"], "row": self.body["row"],
                       "pack ordinal": self.body["ordinal"]}
            found = self.object(address, TYPES["snapshot root"])
            self._root = snapshot_root(found.content, found.refs,
                                       found.what)
        return self._root

    @functools.cached_property
    def problem_names(self):
        return {p["name below the path"] for p in self.problems()}

    @functools.cache
    def problems(self):
        paths, _, count, slots = self.root
        found = []
        while slots:
            part = self.object(slots[0], TYPES["problem list"])
            slots = part.refs
            need(len(slots) in LISTS, f"{part.what}: slots")
            found += problem_list(part.content, part.what)
        need(len(found) == count
             and all(p["path number"] < len(paths) for p in found),
             "problems: their number")
        need(self.body["problems"] == sum(p["reason"] != NOT_COUNTED
                                          for p in found),
             f"{self.leaf.what}: number of problems")
        return found

    # Directories.

    def walk(self):
        """(path number, path below it, entry, slots, owner names) of all
        entries in order, each directory before what it holds."""
        paths, names, _, _ = self.root
        for number, (_, entry, slots) in enumerate(paths):
            yield number, b"", entry, slots, names
            stack = [self._below(b"", entry, slots)]
            while stack:
                need(len(stack) <= page.LIMITS["depth of directories"],
                     "depth of directories")
                step = next(stack[-1], None)
                if step is None:
                    stack.pop()
                    continue
                path, entry, slots, names = step
                yield number, path, entry, slots, names
                stack.append(self._below(path, entry, slots))

    def _below(self, path, entry, slots):
        """The direct entries of what may be a directory."""
        if entry.kind != "directory" or not entry["content"]:
            need(not entry["number of entries below it"]
                 and (entry.kind != "directory" or not entry["size"]),
                 f"{entry.what}: it counts entries")
            return
        sums = Sums()
        for below, refs, names in self._directory(slots[0],
                                                  entry["content"], sums):
            yield (path + b"/" if path else b"") + below.name, below, refs, \
                names
        need(sums.below == entry["number of entries below it"]
             and sums.bytes == entry["size"], f"{entry.what}: sums")

    def _directory(self, slot, kind, sums, level=None):
        found = self.object(slot, kind)
        if found.kind == TYPES["directory page"]:
            need(level in (None, PAGES_AT - 1), f"{found.what}: level")
            yield from self._page(found, sums)
            return
        here, children = directory_node(found.content, found.what)
        need(level in (None, here) and len(children) == len(found.refs),
             f"{found.what}: level or slots")
        for child, ref in zip(children, found.refs):
            part, first = Sums(), None
            for step in self._directory(ref, TYPES[
                    "directory page" if here == PAGES_AT
                    else "directory node"], part, here - 1):
                need(first is not None or step[0].name
                     == child["first name"], f"{found.what}: first name")
                first = step[0].name
                need(sums.last is None or sums.last < first,
                     f"{found.what}: order")
                sums.last = first
                yield step
            need(part.equal(child), f"{found.what}: sums")
            sums.add(part)

    def _page(self, found, sums):
        names, entries = directory_page(found.content, found.what)
        slots = found.refs
        for entry in entries:
            count = slots_of(entry)
            need(count <= len(slots), f"{found.what}: slots")
            sums.count(entry)
            yield entry, slots[:count], names
            slots = slots[count:]
        need(not slots, f"{found.what}: slots left over")

    # Files, links, attributes.

    def attributes(self, entry, slots):
        if not entry.flag("has attributes"):
            return {}
        found = self.object(slots[-1], TYPES["attribute set"])
        need(not found.refs, f"{found.what}: slots")
        return attributes(found.content, found.what)

    def target(self, entry, slots):
        if not entry["content"]:
            return None
        found = self.object(slots[0], TYPES["link target"])
        need(not found.refs and len(found.content) == entry["size"],
             f"{found.what}: length")
        check_text(found.content, "link target", found.what)
        return found.content

    def pieces(self, entry, slots):
        """(offset, length, bytes or None for a hole) of a regular file."""
        size = entry["size"]
        if not entry["content"]:
            if size:
                yield 0, size, None
            return
        yield from self._content(slots[0], entry["content"], 0, size)

    def _content(self, slot, kind, at, length, above=None):
        found = self.object(slot, kind)
        if found.kind == TYPES["chunk"]:
            need(not found.refs and len(found.content) == length,
                 f"{found.what}: length")
            yield at, length, found.content
            return
        node = ContentNode(found.content, found.what)
        need(node.length == length and (above is None or (
            node.level == above.level - 1 and node.cutter == above.cutter)),
             f"{found.what}: length, level or cutter")
        slots, piece = list(found.refs), None
        for entry, begin, end in node.entries:
            if entry == ENTRY_KINDS["hole"]:
                yield at + begin, end - begin, None
                continue
            if entry == ENTRY_KINDS["repeat"]:
                need(piece and (end - begin) % len(piece) == 0,
                     f"{found.what}: a repeat")
                for place in range(begin, end, len(piece)):
                    yield at + place, len(piece), piece
                continue
            need(slots, f"{found.what}: slots")
            for step in self._content(
                    slots.pop(0), TYPES[
                        "chunk" if node.level == CHUNKS_AT
                        else "content node"],
                    at + begin, end - begin, node):
                piece = step[2]
                yield step
        need(not slots, f"{found.what}: slots left over")


class Sums:
    """What a directory node says of each child."""

    def __init__(self):
        self.direct = self.below = self.bytes = 0
        self.last = None

    def count(self, entry):
        self.direct += 1
        self.below += 1 + (entry["number of entries below it"] or 0)
        if entry.kind in ("regular", "directory"):
            self.bytes = file_bytes(self.bytes, entry["size"])

    def add(self, other):
        self.direct += other.direct
        self.below += other.below
        self.bytes = file_bytes(self.bytes, other.bytes)

    def equal(self, child):
        return (self.direct, self.below, self.bytes) == (
            child["direct entries"], child["entries in it at all depths"],
            child["file bytes"])
