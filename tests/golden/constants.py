#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The page's constants against those of the code, by name.

    constants.py ROOT

Most of them decide what a golden store reads like; these few, limits above
all, do not show there. So the page is compared with the code itself."""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "reader"))

import audit  # noqa: E402  (of tests/reader, as the others)
import cache  # noqa: E402
import ledger  # noqa: E402
import objects  # noqa: E402
import pack  # noqa: E402
import page  # noqa: E402
import wire  # noqa: E402
from page import LIMITS, quantity, section  # noqa: E402

DEFINE = re.compile(r"^#define (\w+)[ \t]+((?:[^\n]|(?<=\\)\n)+)", re.M)
MEMBER = re.compile(r"^\s*([A-Z][A-Z0-9_]+) = (0x[0-9a-fA-F]+|\d+),", re.M)


class Code:
    """The constants of files, by name; those of a file go before those of
    the headers that all share."""

    SHARED = ("util/limits.h", "format/types.h", "format/field.h")

    def __init__(self, root):
        self.root, self.texts = root, {}

    def text(self, path):
        if path not in self.texts:
            with open(os.path.join(self.root, path), encoding="utf-8") as f:
                self.texts[path] = re.sub(r"/\*.*?\*/", "", f.read(),
                                          flags=re.S)
        return self.texts[path]

    def names(self, path):
        found = {}
        for each in (*self.SHARED, path):
            text = self.text(each)
            found.update(MEMBER.findall(text))
            found.update((n, v.replace("\\\n", " "))
                         for n, v in DEFINE.findall(text))
        return found

    def value(self, path, name):
        names = self.names(path)
        if name not in names:
            raise KeyError(f"{path} has no {name}")
        return self._number(names[name], names)

    def _number(self, text, names):
        text = re.sub(r"UINT64_C\((\w+)\)", r"\1", text)
        text = re.sub(r"\((?:uint\d+_t|size_t|unsigned int)\)", "", text)
        text = text.replace("INT64_MAX", str((1 << 63) - 1))
        text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
        text = re.sub(r"\b[A-Z]\w+\b", lambda m: str(self._number(
            names[m[0]], names)), text)
        if not re.fullmatch(r"[\dxa-fA-F ()*+<|-]+", text):
            raise ValueError(f"not a number: {text}")
        # Digits and operators alone.
        return eval(text)       # pylint: disable=eval-used


def limits():
    types = "format/types.h"
    return (
        (types, "FORMAT_BLOCK_MAX", LIMITS["plain length of a block"]),
        (types, "FORMAT_CHUNK_MAX", LIMITS["length of a chunk"]),
        (types, "FORMAT_OBJECT_MAX", LIMITS["length of any other object"]),
        (types, "FORMAT_PACK_ROWS_MAX", LIMITS["rows of a pack"]),
        (types, "FORMAT_PACK_BLOCKS_MAX", LIMITS["blocks of a pack"]),
        (types, "FORMAT_REFS_MAX", LIMITS["references of an object"]),
        ("format/content.h", "CONTENT_ENTRIES_MAX",
         LIMITS["entries of a content node"]),
        ("format/directory.h", "DIRECTORY_CHILDREN_MAX",
         LIMITS["children of a directory node"]),
        (types, "FORMAT_BLOCK_REFS_MAX", LIMITS["references of a block"]),
        (types, "FORMAT_FILE_MAX", LIMITS["length of a file"]),
        (types, "FORMAT_PACK_MAX", LIMITS["pack file"]),
        (types, "FORMAT_PACKS_MAX", LIMITS["packs in a manifest"]),
        (types, "FORMAT_LEAF_MAX", LIMITS["ledger leaf"]),
        ("format/pack.h", "PACK_WRAPS_MAX", LIMITS["wraps of a pack header"]),
        ("format/keyblob.h", "KEYBLOB_EPOCH_WRAPS_MAX",
         LIMITS["of an epoch record"]),
        ("format/keyblob.h", "KEYBLOB_ARGON_MEMORY_MIN",
         LIMITS["Argon2id memory"][0]),
        ("format/keyblob.h", "KEYBLOB_ARGON_MEMORY_MAX",
         LIMITS["Argon2id memory"][1]),
        ("format/keyblob.h", "KEYBLOB_ARGON_PASSES_MAX",
         LIMITS["Argon2id passes"][1]),
        ("format/field.h", "FIELD_SOURCE_MAX",
         1 + section("9.1").number(r"`\[a-z0-9\]\[a-z0-9._-\]\{0,#\}`")),
        ("util/limits.h", "LIMIT_NAME", LIMITS["name"]),
        ("util/limits.h", "LIMIT_NAME", objects.Entry.MOST),
        # Kind, number and length stand before the name.
        ("format/directory.c", "OWNER_MAX",
         objects.OWNER["name"].range[1] + 6),
        ("format/directory.c", "OWNER_MAX",
         wire.TYPES_BY_NAME["OWNER"]["name"].range[1] + 6),
        ("format/snaproot.c", "PATH_MAX_BYTES", LIMITS["path"]),
        ("format/wire.h", "WIRE_PATH_MAX", LIMITS["path"]),
        ("util/limits.h", "LIMIT_LINK_TARGET", LIMITS["link target"]),
        ("format/leaf.h", "LEAF_TEXT_MAX", LIMITS["location"]),
        ("format/leaf.h", "LEAF_TEXT_MAX", LIMITS["cause"]),
        ("store/frames.h", "FRAMES_TORN_MAX",
         LIMITS["torn bytes before a pad"]),
        ("store/frames.h", "FRAMES_TORN_TAKEN",
         LIMITS["torn bytes that a writer passes over"]),
        ("util/limits.h", "LIMIT_PATH_DEPTH", LIMITS["depth of directories"]),
    )


def structures():
    from keys import EPOCH, RECIPIENT, VAULT
    return (
        ("format/types.h", "FORMAT_VERSION", page.VERSION),
        ("format/types.h", "SUITE_1", page.SUITE),
        ("format/types.h", "SLICE", pack.SLICE),
        ("format/types.h", "TABLE_SLICE_ROWS", pack.TABLE_SLICE),
        ("format/types.h", "BLOCKMAP_SLICE_ROWS", pack.MAP_SLICE),
        ("format/keyblob.h", "KEYBLOB_COMPARTMENTS_MAX",
         VAULT["number of compartments"].range[1]),
        ("format/keyblob.h", "KEYBLOB_EPOCH_WRAPS_MAX",
         EPOCH["number of wraps"].range[1]),
        ("format/keyblob.h", "KEYBLOB_RECIPIENT_SIZE", RECIPIENT.size),
        ("format/pack.h", "PACK_WRAPS_MAX",
         pack.HEADER["number of wraps"].range[1]),
        ("format/leaf.h", "LEAF_HEAD_SIZE", ledger.LEAF.size),
        ("format/leaf.h", "LEAF_FILE_LEAVES", ledger.FILE_LEAVES),
        ("format/manifest.h", "MANIFEST_HEAD_SIZE", pack.MANIFEST.size),
        ("format/content.h", "CONTENT_WRITE_MAX", audit.CONTENT_MOST),
        ("format/directory.h", "DIRECTORY_WRITE_MAX", audit.NODE_MOST),
        ("pull/file.c", "NODE_MIN", audit.CONTENT_LEAST),
        ("pull/file.c", "NODE_MODULUS", audit.CONTENT_EVERY),
        ("pull/pages.c", "PAGE_MIN", audit.PAGE_LEAST),
        ("pull/pages.c", "PAGE_MAX", audit.PAGE_MOST),
        ("pull/pages.c", "PAGE_MASK", (1 << audit.PAGE_BITS) - 1),
        ("pull/pages.c", "NODE_MIN", audit.NODE_LEAST),
        ("pull/pages.c", "NODE_SHIFT", audit.NODE_BITS[0]),
        ("pull/pages.c", "NODE_MASK",
         (2 << audit.NODE_BITS[1] - audit.NODE_BITS[0]) - 1),
        ("pull/remember.c", "RANGE_MIN", cache.RANGE_LEAST),
        ("pull/remember.c", "RANGE_MAX", cache.RANGE_MOST),
        ("pull/remember.c", "RANGE_SHIFT", cache.RANGE_LOW),
        ("pull/remember.c", "RANGE_MASK",
         (2 << cache.RANGE_HIGH - cache.RANGE_LOW) - 1),
        ("pull/branch.c", "TRUST_WITHIN", cache.TRUSTED),
        ("format/statrec.h", "STATREC_COMPONENTS_MAX", cache.DEEP),
        ("format/statrec.h", "STATREC_DEEP", int(cache.BELOW)),
        ("chunker/cut.h", "CUT_MIN", audit.CUT_LEAST),
        ("chunker/cut.h", "CUT_AIM", audit.CUT_AIM),
        ("chunker/cut.h", "CUT_MAX", audit.CUT_MOST),
        ("chunker/cut.h", "CUT_MAX", audit.ABOVE),
        ("chunker/cut.h", "CUT_MASK_BEFORE", audit.MASK_BEFORE),
        ("chunker/cut.h", "CUT_MASK_AFTER", audit.MASK_AFTER),
        ("chunker/block.h", "BLOCK_DATA", quantity(audit.BLOCKS[0])),
        ("chunker/block.h", "BLOCK_METADATA", quantity(audit.BLOCKS[1])),
        ("pull/ingest.c", "PACK_DATA_FULL",
         section("6").number(r"closed at about # \(data\)")),
        ("pull/ingest.c", "PACK_META_FULL",
         section("6").number(r"or # \(metadata\)")),
        ("format/directory.c", "TAG_CRITICAL", objects.Entry.TAG_CRITICAL),
        ("format/snaproot.c", "PART_CRITICAL", objects.CRITICAL),
    )


def protocol():
    return (
        ("format/wire.h", "WIRE_PAYLOAD_MAX", wire.FRAME_MOST),
        ("format/wire.h", "WIRE_PATHS_MAX", wire.PATHS[1]),
        ("format/wire.h", "WIRE_BATCHES_MAX", wire.WAITING[1]),
        ("format/wire.h", "WIRE_ENTRIES_MAX", wire.BATCH_MOST),
        ("format/wire.h", "WIRE_DATA_MAX", wire.DATA_RANGE[1]),
        ("format/wire.h", "WIRE_NO_PARENT", wire.NO_PARENT),
    )


# How the names of an enumeration in the code go with words of the page.
ENUMERATIONS = (
    ("format/types.h", objects.TYPES, {
        "chunk": "OBJECT_CHUNK", "content node": "OBJECT_CONTENT",
        "directory page": "OBJECT_DIRPAGE",
        "directory node": "OBJECT_DIRNODE", "attribute set": "OBJECT_ATTRS",
        "link target": "OBJECT_LINK", "snapshot root": "OBJECT_SNAPROOT",
        "problem list": "OBJECT_PROBLEMS"}),
    ("format/types.h", {v: k for k, v in objects.Entry.KINDS.items()}, {
        "regular": "FILE_REGULAR", "directory": "FILE_DIRECTORY",
        "symbolic link": "FILE_SYMLINK", "FIFO": "FILE_FIFO",
        "socket": "FILE_SOCKET", "character device": "FILE_CHAR",
        "block device": "FILE_BLOCK"}),
    ("format/types.h", {v: k for k, v in objects.REASONS.items()}, {
        "not opened": "PROBLEM_NOT_OPENED",
        "not read to its end": "PROBLEM_NOT_READ",
        "attributes not read": "PROBLEM_ATTRS",
        "changed while read": "PROBLEM_CHANGED",
        "directory not read to its end": "PROBLEM_DIRECTORY",
        "link target not read": "PROBLEM_LINK",
        "not examined": "PROBLEM_NOT_EXAMINED",
        "attributes beyond the limit": "PROBLEM_ATTRS_LIMIT"}),
    ("format/leaf.h", ledger.NUMBERS, {
        "store made": "LEAF_STORE", "recipient": "LEAF_RECIPIENT",
        "epoch": "LEAF_EPOCH", "pull open": "LEAF_PULL",
        "pack sealed": "LEAF_PACK", "snapshot": "LEAF_SNAPSHOT",
        "pull ended without a snapshot": "LEAF_ENDED"}),
    ("format/leaf.h", ledger.FLAGS, {
        "complete": "LEAF_COMPLETE", "incomplete": "LEAF_INCOMPLETE",
        "suspicious": "LEAF_SUSPICIOUS"}),
    ("format/wire.h", {f"{side} {name}": n for n, (side, name, _, _)
                       in wire.TYPES.items()}, {
        "vault HELLO": "WIRE_VAULT_HELLO", "vault START": "WIRE_START",
        "vault WANT": "WIRE_WANT", "vault CREDIT": "WIRE_CREDIT",
        "vault STOP": "WIRE_STOP", "agent HELLO": "WIRE_AGENT_HELLO",
        "agent OWNER": "WIRE_OWNER", "agent BATCH": "WIRE_BATCH",
        "agent ATTRS": "WIRE_ATTRS", "agent LINK": "WIRE_LINK",
        "agent DATA": "WIRE_DATA", "agent HOLE": "WIRE_HOLE",
        "agent FILE_END": "WIRE_FILE_END", "agent RESTART": "WIRE_RESTART",
        "agent PROBLEM": "WIRE_PROBLEM", "agent DONE": "WIRE_DONE",
        "agent BATCH_DONE": "WIRE_BATCH_DONE"}),
)


def differences(root):
    """What the page and the code of a tree do not agree on."""
    code, found = Code(root), []
    for table in (limits(), structures(), protocol()):
        for path, name, said in table:
            value = code.value(path, name)
            if value != said:
                found.append(f"{path}: {name} is {value}, the page says "
                             f"{said}")
    strings = "".join(code.text(f"keys/{name}") for name in sorted(os.listdir(
        os.path.join(root, "keys"))) if name.endswith((".c", ".h")))
    found += [f"keys/ has no {label!r}" for label in labels()
              if f'"{label}"' not in strings]
    for path, words, names in ENUMERATIONS:
        if set(words) != set(names):
            found.append(f"{path}: {sorted(set(words) ^ set(names))}")
        for word, name in names.items():
            if words.get(word) != code.value(path, name):
                found.append(f"{path}: {name} is not {words.get(word)}")
    return found


def labels():
    """What the page's formulas quote, but for what is written by no program:
    each must be a string of the code."""
    text = page.section("11").prose.partition("**Piece list**")[0]
    quoted = [text] + [page.section(n).prose for n in page.SECTIONS
                       if n != "11"] + [
        " ".join(row) for table in (page.section("2").table("key"),
                                    *page.section("11").tables)
        for row in table.rows]
    return sorted({label for part in quoted for formula in re.findall(
        r"`([^`]+)`", part) for label in re.findall(r'"([^"]+)"', formula)})


def main():
    found = differences(sys.argv[1])
    for text in found:
        print(text)
    compared = sum(len(t) for t in (limits(), structures(), protocol())) + \
        sum(len(names) for _, _, names in ENUMERATIONS)
    print(f"{compared} constants compared, {len(found)} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
