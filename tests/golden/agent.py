#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The agent of a planted source (plan.py), as the program behind `muniment
pull --agent`. It lists one directory at a time and waits for what is wanted.

PLANT_TREE      a file with the pickled root of the source
PLANT_RECORD    where both streams are kept, with -vault and -agent behind it
PLANT_DIES      the agent ends in the middle of the file of this name
"""

import os
import pickle
import struct
import sys

import plan

PLACE = struct.Struct("<IHH")
WANT_CONTENT, WANT_ATTRIBUTES = 1, 2
LAST, CUT = 1, 2                        # of a batch
END_CHANGED, END_UNREAD = 1, 2          # of a file
DATA_MOST = 256 * plan.KIB
CLOCK_SKEW = 3


def time_of(when):
    return struct.pack("<qI", *when)


class Agent:
    def __init__(self, dies, record):
        self.dies = dies
        self.heard = open(record + "-vault", "wb", buffering=0)
        self.said = open(record + "-agent", "wb", buffering=0)
        self.credit, self.batches, self.owners = 0, 0, set()
        self.out = []

    # Frames.

    def send(self, kind, payload, counts=False):
        if counts:
            while self.credit < len(payload):
                self.flush()
                assert self.receive() is None
            self.credit -= len(payload)
        self.out.append(struct.pack("<IHH", len(payload), kind, 0) + payload)
        if len(self.out) > 64 or len(payload) > 65536:
            self.flush()

    def flush(self):
        data = b"".join(self.out)
        self.out = []
        self.said.write(data)
        while data:
            data = data[os.write(1, data):]

    def read(self, n):
        data = b""
        while len(data) < n:
            more = os.read(0, n - len(data))
            if not more:
                sys.exit("the vault has gone")
            data += more
        self.heard.write(data)
        return data

    def receive(self):
        """The payload of the next frame; None if it was credit."""
        n, kind, _ = struct.unpack("<IHH", self.read(8))
        payload = self.read(n)
        if kind == 4:
            self.credit += struct.unpack("<Q", payload)[0]
            return None
        return payload

    def answer(self):
        payload = None
        while payload is None:
            payload = self.receive()
        return payload

    # Batches.

    def talk(self, root):
        self.answer()                                       # HELLO
        now = int(os.environ["PLANT_TIME"]) // 10 ** 9 + CLOCK_SKEW
        self.send(65, b"MUNIWIRE" + struct.pack("<HHIq", 1, 0, 1, now))
        self.flush()
        start = self.answer()
        self.credit += struct.unpack_from("<Q", start, 8)[0]
        self.batch([root], 0xFFFFFFFF, 0, LAST)
        self.send(75, struct.pack("<Q", self.batches))
        self.flush()

    def batch(self, inodes, parent, index, flags):
        number = self.batches
        self.batches += 1
        self.tell_owners(inodes)
        self.send(67, struct.pack("<IIHHHH", number, parent, index, flags,
                                  len(inodes), 0)
                  + b"".join(self.entry(i) for i in inodes))
        self.flush()
        wants = self.answer()[8:]
        for i, (inode, want) in enumerate(zip(inodes, wants)):
            self.contents(PLACE.pack(number, i, 0), inode, want)
        self.send(76, struct.pack("<I", number))
        self.flush()
        for i, inode in enumerate(inodes):
            if inode.listing_flags & plan.FOLLOWS:
                self.directory(number, i, inode)

    def directory(self, number, index, inode):
        below, size = inode.below, inode.batch
        cut = CUT if inode.problem else 0
        if cut:
            self.problem(number, index, inode)
        for at in range(0, max(1, len(below)), size):
            last = LAST if at + size >= len(below) else 0
            self.batch(below[at:at + size], number, index, last | cut)

    def tell_owners(self, inodes):
        for inode in inodes:
            for kind, who, number in ((1, "user", inode.owner),
                                      (2, "group", inode.group)):
                name = plan.NAMES.get((who, number))
                if name and (kind, number) not in self.owners:
                    self.owners.add((kind, number))
                    self.send(66, struct.pack("<BIB", kind, number,
                                              len(name)) + name)

    def entry(self, i):
        size = i.size if i.listed_size is None else i.listed_size
        kind = 0 if i.unexamined else i.kind
        return (bytes([len(i.name)]) + i.name + struct.pack(
            "<BBHIIQ", kind, i.listing_flags, i.mode, i.owner, i.group, size)
            + time_of(i.mtime) + time_of(i.ctime) + struct.pack(
                "<QQIII", i.inode, i.device, i.links, i.major, i.minor))

    def problem(self, number, index, inode):
        self.send(74, struct.pack("<IHHI", number, index, *inode.problem))

    # Contents.

    def contents(self, place, inode, want):
        number, index, _ = PLACE.unpack(place)
        reason = inode.problem[0] if inode.problem else None
        if reason and reason != plan.DIRECTORY_CUT:
            self.problem(number, index, inode)
        if want & WANT_ATTRIBUTES and not inode.gone and reason not in (
                plan.NO_ATTRIBUTES, plan.ATTRIBUTES_TOO_LARGE):
            self.attributes(place, inode)
        if want & WANT_CONTENT and inode.kind == plan.SYMLINK and \
                reason != plan.NO_TARGET:
            self.send(69, place + inode.target, True)
        if want & WANT_CONTENT and inode.kind == plan.REGULAR:
            self.file(place, inode, reason)

    def attributes(self, place, inode):
        pairs = sorted(inode.attributes.items())
        self.send(68, place + struct.pack("<I", len(pairs)) + b"".join(
            struct.pack("<HI", len(n), len(v)) + n + v for n, v in pairs),
            True)

    def file(self, place, inode, reason):
        if inode.restart:
            self.data(place, 0, b"not what is there later")
            self.send(73, place)
        if inode.name == self.dies:
            self.data(place, 0, inode.content[0][:1000])
            self.flush()
            sys.exit(0)
        at = 0
        for piece in inode.content:
            if isinstance(piece, int):
                self.send(71, place + struct.pack("<QQ", at, piece), True)
                at += piece
                continue
            self.data(place, at, piece)
            at += len(piece)
        flags = END_CHANGED if inode.changed else 0
        if reason in (plan.NOT_OPENED, plan.NOT_READ):
            flags |= END_UNREAD
        number, index, _ = PLACE.unpack(place)
        self.send(72, struct.pack("<IHHQ", number, index, flags, at)
                  + time_of(inode.mtime) + time_of(inode.ctime))

    def data(self, place, at, data):
        for i in range(0, len(data), DATA_MOST):
            self.send(70, place + struct.pack("<Q", at + i)
                      + data[i:i + DATA_MOST], True)


def main():
    # The tree is as deep as its directories.
    sys.setrecursionlimit(100000)
    with open(os.environ["PLANT_TREE"], "rb") as f:
        root = pickle.load(f)
    agent = Agent(os.fsencode(os.environ.get("PLANT_DIES", "")),
                  os.environ["PLANT_RECORD"])
    agent.talk(root)
    # Stay until the vault has read it all.
    while os.read(0, 65536):
        pass


if __name__ == "__main__":
    main()
