# SPDX-License-Identifier: Apache-2.0
"""Section 9: checkpoint, frames, leaves, their tree, and what they say."""

import base64
import binascii
import os
import re

from nacl import bindings, exceptions

import page
from fields import Cursor, Struct, need, refuse
from formulas import run

LEAF = Struct.table(page.section("9.1").table("offset"))
NONCE = Struct.text(f"{LEAF.rest[1][1]} nonce")
TYPES = page.section("9.1").table("type", "leaf")
NUMBERS = TYPES.numbers()
FRAME = Struct.table(page.section("9.4").table("offset"))
_NONCE_END = LEAF.size + NONCE.size
page.agree([r[0] for r in LEAF.rest],
           [f"{LEAF.size}", f"{LEAF.size}+c", f"{_NONCE_END}+c"])
page.agree(int(re.search(r"the first (\d+) bytes", LEAF.fields[2].label)[1]),
           LEAF.size)
page.agree(LEAF.rest[2][2], "sealed body, under the log key, associated data = "
           f"bytes 0 to {LEAF.size - 1}+c")
STEP_BEFORE, NO_STEP = (int(n) for n in re.fullmatch(
    r", plus (\d); (\d) if none", LEAF["number of the prev"].notes).groups())
_FIRST, _LAST, _RESERVED = page.section("9.1").match(
    r"Types (\d+) to (\d+) are reserved: ([a-z, ]+)\.").groups()
page.agree(int(_FIRST), max(NUMBERS.values()) + 1)
page.agree(int(_LAST) - int(_FIRST) + 1, len(_RESERVED.split(", ")))
TREE = page.section("9.3")
page.agree(TREE.match(r"`(hash-[A-Z])` holds the tops")[1],
           page.path_of("hash tiles").partition("/")[2])
page.agree(TREE.match(r"`(hash-\d)` holds the leaf hashes")[1],
           page.path_of("hash tiles", L="0").partition("/")[2])
SIGNED = re.search(r"BASE64\(([^)]*)\)$", TREE.code[4])[1].split(" || ")
LEAF_HASH = 32                          # bytes of SHA-256
TILE = page.quantity(TREE.match(r"complete trees of (\d+)\^L leaves")[1])


FILE_LEAVES, _AGAIN, _LAST, DIGITS = (int(n) for n in page.section("3").match(
    r"leaves (\d+)\*N to (\d+)\*N\+(\d+), N in (\d+) decimal").groups())
if (_AGAIN, _LAST) != (FILE_LEAVES, FILE_LEAVES - 1):
    raise page.PageError("leaves of a file")


def name_of(kind):
    """The name of a type of leaf."""
    found = [name for name, number in NUMBERS.items() if number == kind]
    return found[0] if found else refuse(f"leaf of unknown type {kind}")


def tree_hash(leaves, formulas):
    """The top of a tree of RFC 6962 over these leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return run(formulas.formula("node"), {
        "left": tree_hash(leaves[:left], formulas),
        "right": tree_hash(leaves[left:], formulas)})


def leaf_hash(leaf):
    return run(TREE.formula("Leaf hash"), {"leaf": leaf})


# Frames.

_FRAMES = page.section("9.4")
MAGIC = {what: magic.encode("ascii") for magic, what in re.findall(
    r"`(\w{4})` (leaf|pad)", FRAME["magic"].notes)}
STEP = _FRAMES.number("begins at a multiple of #")
page.agree(STEP, _FRAMES.number("filled with zeros to a multiple of # and"),
           _FRAMES.number("looks, by steps of #, for the first pad"))
page.agree(FRAME.rest, [(str(FRAME.size), "", "the leaf, then zero to a "
                         f"multiple of {STEP}; of a pad, nothing")])
SUM = re.search(r"(BLAKE2b-\d+) of the leaf", FRAME["sum"].notes)[1]


def _frame(data, at):
    """What may be a frame there: magic, length, number, sum."""
    return FRAME.take(Cursor(data[at:at + FRAME.size], "frame")).values()


def _pads(data):
    """{where torn bytes begin: where their pad ends}."""
    pads, at = {}, -1
    while (at := data.find(MAGIC["pad"], at + 1)) >= 0:
        if at % STEP or len(data) - at < FRAME.size:
            continue
        _, length, begin, digest = _frame(data, at)
        if begin + length == at and begin < at and begin % STEP == 0 and \
                length <= page.LIMITS["torn bytes before a pad"] and \
                run(f"{SUM}(x)", {"x": data[begin:at]}) == digest:
            pads.setdefault(begin, at + FRAME.size)
    return pads


def leaves_of(data, first, count):
    """The leaves of one file, as many as are counted on."""
    pads, at, found = _pads(data), 0, []
    while len(found) < count:
        if at in pads:
            at = pads[at]
            continue
        need(len(data) - at >= FRAME.size, "leaves: cut short")
        magic, length, number, digest = _frame(data, at)
        begin, at = at + FRAME.size, at + FRAME.size + length
        leaf = data[begin:at]
        fill = data[at:at + -at % STEP]
        at += len(fill)
        need(magic == MAGIC["leaf"] and number == first + len(found)
             and length <= page.LIMITS["ledger leaf"]
             and len(leaf) == length and at % STEP == 0 and not any(fill)
             and run(f"{SUM}(x)", {"x": leaf}) == digest,
             f"leaf {first + len(found)}: no whole frame")
        found.append(leaf)
    return found


# Leaves.

class Leaf:
    """One leaf; .clear are its clear fields, .body those of its body once
    that is opened."""

    def __init__(self, data, store):
        self.data, cursor = data, Cursor(data, "leaf")
        head = LEAF.take(cursor, store_id=store)
        self.number, self.kind = head["number"], name_of(head["type"])
        self.what = cursor.what = f"leaf {self.number}"
        self.time, self.before = head["vault time"], head["number of the prev"]
        self.text = cursor.take(head["length c"])
        self.covered = data[:cursor.at]
        self.nonce = NONCE.take(cursor)["nonce"]
        self.sealed = cursor.rest()
        self.body = None
        _, _, clear, self.form = TYPES.row(str(NUMBERS[self.kind]))
        if clear not in ("a recipient blob", "an epoch record"):
            self.clear = Struct.text(clear).read(self.text, self.what)

    def open(self, log_key):
        plain = run("seal(k, nonce, ad, x)", {
            "k": log_key, "nonce": self.nonce, "ad": self.covered,
            "x": self.sealed})
        form = self.form
        if form == "-":
            need(not plain, f"{self.what}: a body")
            return
        if form == "9.2":
            form = page.section("9.2").match(r"^ *(u16 .*)\.")[1]
        self.body = Struct.text(form).read(plain, self.what)
        for name, text in self.body.items():
            if isinstance(text, bytes) and name != "id":
                self._check_text(name, text)

    def _check_text(self, name, text):
        need(b"\0" not in text, f"{self.what}: {name}")
        if name == "source's name":
            pattern = page.section("9.1").match(r"name +matches `([^`]+)`")[1]
            need(re.fullmatch(pattern.encode(), text), f"{self.what}: {name}")
        else:
            need(len(text) <= page.LIMITS[name], f"{self.what}: {name}")


FLAGS = {name: int(n) for n, name in re.findall(
    r"(\d) (complete|incomplete|suspicious)", page.section("9.1").match(
        r"Snapshot flags: (\d complete or \d incomplete, never both; "
        r"\d suspicious)\.")[1])}


def _check_flags(leaf):
    flags = leaf.clear["flags"]
    leaf.complete = flags & FLAGS["complete"] != 0
    need(flags & ~sum(FLAGS.values()) == 0 and leaf.complete
         != (flags & FLAGS["incomplete"] != 0), f"{leaf.what}: flags")


class Checkpoint:
    """The signed head; nothing of it counts before check."""

    def __init__(self, data, store):
        code = [l.replace("STOREID", store.hex()) for l in TREE.code]
        m = re.fullmatch(r"((.*)\n(0|[1-9]\d{0,18})\n(\S+)\n)\n"
                         r"(\S+) (\S+) (\S+)\n",
                         data.decode("utf-8", "replace"))
        need(m, "checkpoint: form")
        self.text, origin, size, root, dash, self.name, self.line = m.groups()
        need(origin == code[0] and [dash, self.name] == code[4].split(" ")[:2],
             "checkpoint: of another store")
        self.size, self.root = int(size), _base64(root, LEAF_HASH)

    def check(self, public):
        length, formula = TREE.match(
            r"key hash = the first (\d) bytes of `([^`]+)`").groups()
        key_hash = run(formula, {"name": self.name.encode(),
                                 "public key": public})[:int(length)]
        sizes = {"key hash": len(key_hash),
                 "signature": bindings.crypto_sign_BYTES}
        line = Cursor(_base64(self.line, sum(sizes.values())), "checkpoint")
        parts = {name: line.take(sizes[name]) for name in SIGNED}
        need(parts["key hash"] == key_hash,
             "checkpoint: signed by another key")
        try:
            bindings.crypto_sign_open(parts["signature"]
                                      + self.text.encode(), public)
        except exceptions.BadSignatureError:
            refuse("checkpoint: signature")


def _base64(text, size):
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return refuse("checkpoint: base64")
    need(len(data) == size and base64.b64encode(data).decode() == text,
         "checkpoint: base64")
    return data


class Ledger:
    """The leaves that the checkpoint counts; to be believed once checked."""

    def __init__(self, folder, store):
        self.folder = folder
        self.checkpoint = Checkpoint(self._file("the signed head"), store)
        raw = self._raw()
        need(raw, "ledger: no leaf")
        self.hashes = [leaf_hash(leaf) for leaf in raw]
        self.leaves = [Leaf(leaf, store) for leaf in raw]

    def check(self, public):
        self.checkpoint.check(public)
        need(tree_hash(self.hashes, TREE) == self.checkpoint.root,
             "ledger: root")
        self._check_chain()
        self._check_tiles()
        need(self.leaves[0].clear["ledger public key"] == public,
             "ledger: key of the first leaf")

    def hash_of(self, leaf):
        return self.hashes[leaf.number]

    def _file(self, what, **parts):
        path = os.path.join(self.folder, page.path_of(what, **parts))
        with open(path, "rb") as f:
            return f.read()

    def _raw(self):
        found = []
        while len(found) < self.checkpoint.size:
            count = min(FILE_LEAVES, self.checkpoint.size - len(found))
            data = self._file("leaves", **{
                "N" * DIGITS: f"{len(found) // FILE_LEAVES:0{DIGITS}}"})
            found += leaves_of(data, len(found), count)
        return found

    def _check_chain(self):
        last, time = {}, 0
        for number, leaf in enumerate(self.leaves):
            need(leaf.number == number, f"leaf {number}: another number")
            need(leaf.time >= time, f"{leaf.what}: vault time")
            need(leaf.before == (last[leaf.kind] + STEP_BEFORE
                                 if leaf.kind in last else NO_STEP),
                 f"{leaf.what}: number of the one before")
            last[leaf.kind], time = number, leaf.time
            need((leaf.kind == "store made") == (number == 0),
                 f"{leaf.what}: a store is made once")
            if leaf.kind in ("pack sealed", "snapshot",
                             "pull ended without a snapshot"):
                self.pull_of(leaf)
            if leaf.kind == "snapshot":
                _check_flags(leaf)

    def pull_of(self, leaf):
        """The leaf that opened the pull that this one belongs to."""
        number = leaf.clear["pull"]
        need(number < leaf.number
             and self.leaves[number].kind == "pull open",
             f"{leaf.what}: no such pull")
        return self.leaves[number]

    def _check_tiles(self):
        """Tiles may be ahead of the checkpoint, as leaves may."""
        lowest, highest = (int(n) for n in page.section("3").match(
            r"hash tiles of level L \((\d) to (\d)\)").groups())
        hashes = self.hashes
        page.agree(TILE ** (highest + 1), 1 << 64)
        for level in range(lowest, highest + 1):
            if not hashes:
                break
            tile = self._file("hash tiles", L=str(level))
            need(tile.startswith(b"".join(hashes)), f"hash tile {level}")
            hashes = [tree_hash(hashes[i:i + TILE], TREE) for i in
                      range(0, len(hashes) - TILE + 1, TILE)]

    def of(self, kind):
        return [leaf for leaf in self.leaves if leaf.kind == kind]

    def open(self, log_key):
        for leaf in self.leaves:
            leaf.open(log_key)
