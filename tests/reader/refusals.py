# SPDX-License-Identifier: Apache-2.0
"""Small structures that no program writes: what the reader must refuse, and
what it must take. The bytes are made by hand."""

import struct

from fields import Refused
from objects import (ContentNode, Entry, attributes, directory_node,
                     directory_page, problem_list, snapshot_root)

REGULAR, DIRECTORY, SYMLINK, FIFO = 1, 2, 3, 4


def entry(name=b"a", kind=REGULAR, content=0, flags=0, mode=0o644, ns=0,
          size=0, tail=b""):
    below = bytes(8) if kind == DIRECTORY else b""
    return (bytes([len(name)]) + name + struct.pack(
        "<BBHHIIqIqIQ", kind, content, flags, mode, 0, 0, 0, ns, 0, 0, size)
        + below + tail)


def tag(number, value):
    return struct.pack("<HH", number, len(value)) + value


def node(entries, level=0, cutter=1, length=None):
    end = entries[-1][1] if entries else 0
    return struct.pack("<BBHIQ", level, cutter, len(entries), 0, end
                       if length is None else length) + b"".join(
                           struct.pack("<BQ", *e) for e in entries)


def listed(entries, owners=()):
    return struct.pack("<HHI", len(entries), len(owners), 0) + b"".join(
        struct.pack("<BIB", kind, number, len(name)) + name
        for kind, number, name in owners) + b"".join(
            struct.pack("<H", len(e)) + e for e in entries)


def children(names, level=1):
    return struct.pack("<HBBI", len(names), level, 0, 0) + b"".join(
        struct.pack("<QQQB", 1, 1, 0, len(n)) + n for n in names)


def pairs(names):
    return struct.pack("<I", len(names)) + b"".join(
        struct.pack("<HI", len(n), 1) + n + b"v" for n in names)


def problem(reason):
    return struct.pack("<IHHIH", 1, reason, 0, 5, 1) + b"n"


def root(parts):
    return struct.pack("<HH", len(parts), 0) + b"".join(
        struct.pack("<HHI", kind, 0, len(data)) + data
        for kind, data in parts)


def tree(path=b"/p"):
    inner = entry(b"")
    return struct.pack("<HHH", 1, 0, len(path)) + path + struct.pack(
        "<H", len(inner)) + inner


def _cases():
    """(what, the reader's call, whether it must be taken)"""
    def of(call, **cases):
        for what, (data, taken) in cases.items():
            yield what, lambda data=data: call(data, "made by hand"), taken

    yield from of(
        Entry, plain=(entry(), True), name_255=(entry(b"n" * 255), True),
        mode_7777=(entry(mode=0o7777), True),
        link_unread=(entry(kind=SYMLINK, flags=8), True),
        tags=(entry(tail=tag(5, b"x") + tag(6, b"")), True),
        no_name=(entry(b""), False), dot=(entry(b"."), False),
        two_dots=(entry(b".."), False), slash=(entry(b"a/b"), False),
        nul=(entry(b"a\0b"), False), kind_0=(entry(kind=0), False),
        kind_8=(entry(kind=8), False), flag_64=(entry(flags=64), False),
        mode_10000=(entry(mode=0o10000), False),
        page_of_a_file=(entry(content=3), False),
        chunk_of_a_directory=(entry(kind=DIRECTORY, content=1), False),
        directory_entered=(entry(kind=DIRECTORY), False),
        directory_not_entered=(entry(kind=DIRECTORY, flags=16), True),
        grouped_directory=(entry(kind=DIRECTORY, content=3, flags=2,
                                 tail=bytes(20)), False),
        link_without_target=(entry(kind=SYMLINK), False),
        fifo_of_a_size=(entry(kind=FIFO, size=1), False),
        nanoseconds=(entry(ns=10 ** 9), False),
        critical_tag=(entry(tail=tag(0x8001, b"")), False),
        tags_unsorted=(entry(tail=tag(6, b"") + tag(5, b"")), False),
        tag_twice=(entry(tail=tag(5, b"") * 2), False),
        cut_short=(entry()[:-1], False), left_over=(entry() + b"x", False))
    yield from of(
        ContentNode, node=(node([(1, 5), (3, 10), (2, 11)]), True),
        inner=(node([(1, 5), (1, 9)], level=1), True),
        no_entries=(node([]), False), kind_4=(node([(4, 5)]), False),
        cutter_4=(node([(1, 5)], cutter=4), False),
        cutter_0=(node([(1, 5)], cutter=0), False),
        not_ascending=(node([(1, 5), (1, 5)]), False),
        other_length=(node([(1, 5)], length=6), False),
        repeat_of_nodes=(node([(1, 5), (3, 10)], level=1), False))
    yield from of(
        directory_page, page=(listed([entry(b"a"), entry(b"b")]), True),
        empty=(listed([]), True),
        owned=(listed([entry()], [(1, 0, b"r"), (2, 0, b"r")]), True),
        unsorted=(listed([entry(b"b"), entry(b"a")]), False),
        twice=(listed([entry(), entry()]), False),
        owners_unsorted=(listed([entry()], [(2, 0, b"r"), (1, 0, b"r")]),
                         False),
        owner_unused=(listed([entry()], [(1, 7, b"r")]), False),
        owner_of_kind_3=(listed([entry()], [(3, 0, b"r")]), False),
        owner_without_name=(listed([entry()], [(1, 0, b"")]), False))
    yield from of(
        directory_node, children=(children([b"a", b"b"]), True),
        children_unsorted=(children([b"b", b"a"]), False),
        level_0=(children([b"a"], level=0), False),
        no_children=(children([]), False))
    yield from of(
        attributes, attributes=(pairs([b"a", b"b"]), True),
        attributes_unsorted=(pairs([b"b", b"a"]), False))
    yield from of(problem_list, reason_8=(problem(8), True),
                  reason_0=(problem(0), False), reason_9=(problem(9), False))
    yield from of(
        lambda data, what: snapshot_root(data, [], what),
        root=(root([(0x8001, tree())]), True),
        part_to_pass_over=(root([(9, b"?"), (0x8001, tree())]), True),
        critical_part=(root([(0x8001, tree()), (0x8009, b"?")]), False),
        parts_unsorted=(root([(0x8001, tree()), (9, b"?")]), False),
        no_tree=(root([]), False),
        relative_path=(root([(0x8001, tree(b"p"))]), False))


def failures():
    """What was refused or taken and should not have been; how many there
    are in all."""
    found, tried = [], 0
    for what, call, taken in _cases():
        tried += 1
        try:
            call()
            refused = False
        except Refused:
            refused = True
        if refused == taken:
            found.append(what)
    kept = Entry(entry(tail=tag(5, b"xyz") + tag(6, b"")), "made by hand").tags
    if kept != {5: b"xyz", 6: b""}:
        found.append("tags that must be kept as they are")
    return found, tried + 1
