# SPDX-License-Identifier: Apache-2.0
"""Sections 6 and 8: from a manifest to the objects of its packs."""

import mmap
import os
import re
from collections import OrderedDict

import lz4.block

import page
from fields import Cursor, Struct, need, refuse
from formulas import TAG, run
from keys import derived, known, open_wrap, wraps
from ledger import tree_hash

MANIFEST = Struct.table(page.section("8").table("offset"))
MANIFEST_ROW = Struct.text(MANIFEST.rest[0][2])
HEADER = Struct.table(page.section("6.1").table("offset"))
AD = Struct.table(page.section("6.2").table("offset"))
_DOMAINS = page.section("6.2").table("domain", "part")
DOMAINS = _DOMAINS.numbers()
# The number of the first block or slice, and of the one trailer.
FIRST = {r[1]: int(re.search(r"(\d+)$", r[3])[1]) for r in _DOMAINS.rows
         if r[3] != "block number"}
FIRST["references of a block"] = FIRST["block"]
NONCE = Struct.text(page.section("6.2").match(r"Its nonce is ([^.]+)\.")[1])
AD_MORE = Struct.text(page.section("6.2").match(
    r"joined to it, (u32 plain length)")[1])
REFERENCE = Struct.text(page.section("6.4").match(
    r"Rows of \d+ bytes: ([^.]+)\.")[1])
BLOCK = Struct.text(page.section("6.5").match(r"^ *(u32 [^.]+)\.")[1])
ROW = Struct.table(page.section("6.6").table("offset"))
TRAILER = Struct.text(page.section("6.7").match(r"^ *(u32 [^.]+)\.")[1])
TAIL = Struct.text(page.section("6.8").match(r"Tail: ([^.]+)\.")[1])
PARTS = {r[0].split(":")[0]: r[1]
         for r in page.section("6").table("part", "length").rows}

SLICE = page.quantity(page.NUMBERS["slice"])
TABLE_SLICE = page.quantity(page.NUMBERS["table slice"])
MAP_SLICE = page.quantity(page.NUMBERS["block map slice"])
RAW, LZ4 = (page.quantity(n)
            for n in page.NUMBERS["codec raw, LZ4"].split(", "))
HEADER_SIZE = page.quantity(PARTS["header"])
TRAILER_SIZE = page.quantity(PARTS["trailer, sealed"])
TAIL_SIZE = page.quantity(PARTS["tail"])
NO_REFS = int(re.match(r"\((\d+) if none",
                       BLOCK["sealed length of its"].notes)[1])
NO_FIRST = int(re.search(r"; (\d+) if it has none",
                         ROW["first reference"].notes)[1])
ROWS_FROM = page.section("6.6").number("an address' row counts from #")
TREE = page.section("6.8")
HASH = TAIL["pack root"].size
CHUNK = page.section("7").table("type").numbers()["chunk"]
KEPT = 32                               # blocks, opened and decompressed


def _check_sizes():
    """The page gives many sizes more than once."""
    def title(number):
        return page.quantity(page.section(number).title.split(", ")[1]
                             .split(" ")[0])

    parts, sealed = page.section("6"), page.section("6.2")
    for part, row, where in (("block map", BLOCK, "6.5"),
                             ("table", ROW, "6.6")):
        text = f"{part}, in sealed slices \\| "
        page.agree(row.size, title(where),
                   parts.number(text + "# bytes a row"))
        page.agree(TAG, parts.number(text + ".*, # more a slice"))
    page.agree(TRAILER.size, TRAILER_SIZE - TAG, title("6.7"))
    page.agree(TAIL.size, TAIL_SIZE)
    page.agree(REFERENCE.size, page.section("6.4").number("Rows of # bytes"))
    page.agree(AD.size, sealed.number("associated data, # bytes"))
    page.agree(AD.size + AD_MORE.size, sealed.number(r"\(# bytes in all\)"))
    page.agree(SLICE, parts.number("n slices of # bytes"),
               parts.number("to the next multiple of #, the trailer"),
               parts.number("to the next multiple of #, the tail"))
    page.agree(HEADER_SIZE, page.quantity(HEADER.rest[1][2].split(" ")[-1]))
    page.agree(HASH, page.quantity(PARTS["slice tree"].split(" ")[0]))
    page.agree("0 in version 1", PARTS["parity"])
    page.agree(("header", "for each block", "block map, in sealed slices",
                "table, in sealed slices", "padding", "trailer, sealed"),
               tuple(PARTS)[:6])
    page.agree(AD.fields[0].label,
               f"bytes 0 to {HEADER.size - 1} of the pack's header")
    page.agree(AD["codec"].notes, f"({RAW} but for blocks)")
    page.agree(HEADER["kind"].choices, {n: kind for kind, n in zip(
        ("data", "metadata"), (int(n) for n in parts.match(
            r"Data packs \(kind (\d)\) hold chunks, metadata packs \(kind "
            r"(\d)\) all else").groups()))})


_check_sizes()


class Manifest:
    """Which packs a snapshot needs, and their roots."""

    def __init__(self, data, name, store, pull):
        formula = page.section("3").match(
            r"HASH is the (BLAKE2b-\d+) of the file")[1]
        need(run(f"{formula}(x)", {"x": data}) == name,
             "manifest: another hash")
        cursor = Cursor(data, "manifest")
        head = MANIFEST.take(cursor, store_id=store, number_of_the_pull=pull)
        n, self.roots = head["number of packs"], {}
        need(n <= page.LIMITS["packs in a manifest"], "manifest: packs")
        for _ in range(n):
            row = MANIFEST_ROW.take(cursor)
            need(row["ordinal"] > max(self.roots, default=0),
                 "manifest: order")
            self.roots[row["ordinal"]] = row["pack root"]
        cursor.end()


class Sealed:
    """What opens the sealed parts of one pack."""

    def __init__(self, header, pack_key, reference_key):
        self.header = header[:AD.fields[0].size]
        self.keys = {"pack key": pack_key,
                     "pack reference key": reference_key}
        self.key_of = {r[1]: r[2] for r in page.section("6.2").table(
            "domain", "part").rows}

    def open(self, part, number, data, plain_length, codec=RAW):
        domain, number = DOMAINS[part], number + FIRST[part]
        ad = AD.pack(**{AD.fields[0].label.replace(" ", "_"): self.header},
                     number=number, domain=domain, codec=codec)
        return run("seal(k, nonce, ad, x)", {
            "k": self.keys[self.key_of[part]],
            "nonce": NONCE.pack(number=number, domain=domain),
            "ad": ad + AD_MORE.pack(plain_length=plain_length), "x": data})


class Pack:
    """A sealed pack, each byte of it checked against its root."""

    def __init__(self, keys, ordinal, root):
        self.keys, self.ordinal = keys, ordinal
        self.what = f"pack {ordinal}"
        path = page.path_of("sealed packs", RR=root.hex()[:2],
                            ROOT=root.hex())
        with open(os.path.join(keys.store.folder, path), "rb") as f:
            size = os.fstat(f.fileno()).st_size
            need(0 < size <= page.LIMITS["pack file"], f"{self.what}: size")
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self._check_slices(root)
        self._open_header()
        self._open_trailer()
        self.rows, self.blocks = {}, OrderedDict()

    def _check_slices(self, root):
        data = self.data
        need(len(data) >= TAIL_SIZE, f"{self.what}: size")
        tail = TAIL.read(data[-TAIL_SIZE:], f"{self.what}: tail",
                         pack_root=root, length_of_parity=0)
        n = tail["n"]
        self.end = n * SLICE                    # of the hashed region
        tree = self.end + HASH * n
        whole = -(-(tree + TAIL_SIZE) // SLICE)
        need(n > 0 and tail["number of slices of the whole file"] == whole
             and len(data) == whole * SLICE, f"{self.what}: size")
        need(not any(data[tree:-TAIL_SIZE]), f"{self.what}: not zero")
        leaves = [data[self.end + HASH * i:self.end + HASH * (i + 1)]
                  for i in range(n)]
        top = tree_hash(leaves, TREE)
        need(run(TREE.formula("Pack root"), {"n": n, "top": top}) == root,
             f"{self.what}: pack root")
        leaf = TREE.formula("Leaf")
        for i in range(n):
            need(run(leaf, {"slice": data[i * SLICE:(i + 1) * SLICE]})
                 == leaves[i], f"{self.what}: slice {i}")

    def _open_header(self):
        what = f"{self.what}: header"
        cursor = Cursor(self.data[:HEADER_SIZE], what)
        store = self.keys.store.id
        head = HEADER.take(cursor, store_id=store,
                           ordinal_of_this_pack=self.ordinal,
                           compartment=self.keys.number)
        self.head, self.kind = head, head["kind"]
        n = head["number of wraps"]
        need(n <= page.LIMITS["wraps of a pack header"]
             and head["epoch"] in self.keys.epochs, what)
        found = wraps(page.section("6.1"), cursor, n)
        need(not any(cursor.rest()), f"{what}: not zero")
        label, first, last = page.section("6.1").match(
            r"Wrap label `(\w+)`, context = bytes (\d+) to (\d+) of the header"
        ).groups()
        pack_key = open_wrap(found[0][1], self.keys.epochs[head["epoch"]],
                             label.encode(),
                             self.data[int(first):int(last) + 1], what)
        reference_key = derived("pack reference key", store_id=store,
                                reference_key=self.keys.reference_key,
                                pack_id=head["pack id"])
        self.sealed = Sealed(self.data[:HEADER.size],
                             known("pack key", pack_key), reference_key)

    def _open_trailer(self):
        what = f"{self.what}: trailer"
        place = self.end - TRAILER_SIZE
        t = TRAILER.read(self.sealed.open("trailer", 0, self.data[
            place:self.end], TRAILER.size), what)
        self.trailer = t
        self.block_count, self.row_count = (t["number of blocks"],
                                            t["number of rows"])
        need(self.block_count <= page.LIMITS["blocks of a pack"]
             and self.row_count <= page.LIMITS["rows of a pack"], what)
        self.map_at, self.table_at = (t["offset of the block map"],
                                      t["offset of the table"])
        ends = [at + count * struct.size + -(-count // per) * TAG
                for at, count, struct, per in (
                    (self.map_at, self.block_count, BLOCK, MAP_SLICE),
                    (self.table_at, self.row_count, ROW, TABLE_SLICE))]
        padding = t["offset of the padding"]
        need(HEADER_SIZE <= self.map_at and ends[0] == self.table_at
             and ends[1] == padding
             and 0 <= place - padding < SLICE, what)
        self.map = self._open_map()

    def _slice(self, part, at, struct, count, per, number):
        """The fields of each row of one sealed slice."""
        rows = min(per, count - number * per)
        begin = at + number * (per * struct.size + TAG)
        size = rows * struct.size
        cursor = Cursor(self.sealed.open(part, number, self.data[
            begin:begin + size + TAG], size), f"{self.what}: {part} {number}")
        return [struct.take(cursor) for _ in range(rows)]

    def _open_map(self):
        """All of it: the blocks must lie one behind the other."""
        rows, at = [], HEADER_SIZE
        for number in range(-(-self.block_count // MAP_SLICE)):
            rows += self._slice("block map slice", self.map_at, BLOCK,
                                self.block_count, MAP_SLICE, number)
        for i, row in enumerate(rows):
            what = f"{self.what}: block {i}"
            sealed, refs = (row["sealed length"],
                            row["sealed length of its references"])
            need(row["offset of the sealed block"] == at and sealed > TAG
                 and row["codec"] in (RAW, LZ4), what)
            need(0 < row["plain length"]
                 <= page.LIMITS["plain length of a block"], what)
            need(refs == NO_REFS or refs > TAG and (refs - TAG) % REFERENCE.size
                 == 0 and (refs - TAG) // REFERENCE.size
                 <= page.LIMITS["references of a block"], what)
            at += sealed + refs
        need(at == self.map_at, f"{self.what}: block map")
        return rows

    def row(self, number):
        """One row of the table."""
        need(number < self.row_count, f"{self.what}: no row {number}")
        if number not in self.rows:
            first = number // TABLE_SLICE
            for i, row in enumerate(self._slice(
                    "table slice", self.table_at, ROW, self.row_count,
                    TABLE_SLICE, first)):
                self.rows[first * TABLE_SLICE + i] = row
        return self.rows[number]

    def block(self, number):
        """A block's plain bytes and its references."""
        if number not in self.blocks:
            need(number < self.block_count, f"{self.what}: block {number}")
            self.blocks[number] = self._open_block(number, self.map[number])
            if len(self.blocks) > KEPT:
                self.blocks.popitem(last=False)
        self.blocks.move_to_end(number)
        return self.blocks[number]

    def _open_block(self, number, row):
        what = f"{self.what}: block {number}"
        at, middle = row["offset"], row["offset"] + row["sealed length"]
        end = middle + row["sealed length of its references"]
        codec, length = row["codec"], row["plain length"]
        plain = self.sealed.open("block", number, self.data[at:middle],
                                 length, codec)
        if codec == LZ4:
            try:
                plain = lz4.block.decompress(plain, uncompressed_size=length)
            except lz4.block.LZ4BlockError:
                refuse(f"{what}: LZ4")
        need(len(plain) == length, f"{what}: plain length")
        if middle == end:
            return plain, []
        refs = self.sealed.open("references of a block", number,
                                self.data[middle:end], end - middle - TAG)
        return plain, [refs[i:i + REFERENCE.size]
                       for i in range(0, len(refs), REFERENCE.size)]

    def object(self, address):
        """(type, references as bytes, content, id) of a row."""
        number = address - ROWS_FROM
        row, what = self.row(number), f"{self.what}: row {number}"
        limit = page.LIMITS["length of a chunk"
                            if row["object type"] == CHUNK
                            else "length of any other object"]
        need(row["length"] <= limit and row["number of references"]
             <= page.LIMITS["references of an object"], what)
        plain, refs = self.block(row["block"])
        begin, end = row["offset"], row["offset"] + row["length"]
        first, count = row["first reference"], row["number of references"]
        need(end <= len(plain) and first + count <= len(refs), what)
        refs = refs[first:first + count]
        formula = page.section("6.6").formula("Digest")
        digest = run(formula, {
            "reference key": self.keys.reference_key,
            "the 40-byte reference rows": b"".join(refs)})
        need(row["digest of its references"]
             == (digest if refs else bytes(len(digest))), f"{what}: digest")
        content = plain[begin:end]
        name = run(page.section("7").formula("Id"), {
            "id key": self.keys.id_key, "type": row["object type"],
            "number of references": count, "content": content,
            "the referenced ids": b"".join(
                REFERENCE.read(r, what)["id"] for r in refs)})
        need(name == row["id"], f"{what}: id")
        return row["object type"], refs, content, name
