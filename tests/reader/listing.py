# SPDX-License-Identifier: Apache-2.0
"""A snapshot as the lines of tests/lib/treedump.py, and what a snapshot
knows beside that."""

import hashlib

from fields import BEGAN, NANOSECONDS, need

BLOCK = 4096
ZEROS = bytes(BLOCK)
LETTERS = {"regular": "f", "directory": "d", "symbolic link": "l",
           "FIFO": "p", "socket": "s", "character device": "c",
           "block device": "b"}


ESCAPED = [chr(c) if 0x21 <= c <= 0x7e and c != 0x5c else f"\\x{c:02x}"
           for c in range(256)]


def escape(raw):
    return "".join(ESCAPED[c] for c in raw)


def nanoseconds(time):
    return (time[0] + BEGAN) * NANOSECONDS + time[1]


class Digest:
    """The sum over the blocks of a file that are not all zeros, each with
    its offset before it, and a map of where the data lies."""

    def __init__(self):
        self.sum, self.part, self.begin = hashlib.sha256(), b"", 0
        self.extents = []

    def data(self, at, data):
        if at // BLOCK != (self.begin + len(self.part)) // BLOCK or \
                not self.part:
            self._flush()
            self.begin = at - at % BLOCK
        self.part += bytes(at - self.begin - len(self.part))
        self._extent(at, at + len(data))
        view = self.part + data
        whole = len(view) - len(view) % BLOCK
        for i in range(0, whole, BLOCK):
            self._block(self.begin + i, view[i:i + BLOCK])
        self.part, self.begin = view[whole:], self.begin + whole

    def _extent(self, begin, end):
        begin, end = begin - begin % BLOCK, end + -end % BLOCK
        if self.extents and begin <= self.extents[-1][1]:
            self.extents[-1][1] = end
        else:
            self.extents.append([begin, end])

    def _block(self, at, block):
        if block != ZEROS:
            self.sum.update(at.to_bytes(8, "little") + block)

    def _flush(self):
        if self.part:
            self._block(self.begin, self.part.ljust(BLOCK, b"\0"))
        self.part = b""

    def end(self):
        self._flush()
        return self.sum.hexdigest()

    @property
    def map(self):
        return ",".join(f"{a}-{b}" for a, b in self.extents) or "none"


def contents(snapshot, entry, slots):
    """The digest of a regular file, every byte of it read."""
    digest, at = Digest(), 0
    for place, length, data in snapshot.pieces(entry, slots):
        need(place == at, f"{entry.what}: a gap")
        at += length
        if data is not None:
            digest.data(place, data)
    need(at == entry["size"], f"{entry.what}: size")
    return digest


def attributes(snapshot, entry, slots):
    pairs = []
    for name, value in snapshot.attributes(entry, slots).items():
        shown = escape(name).replace("=", "\\x3d").replace(",", "\\x2c")
        pairs.append(f"{shown}={value.hex()}")
    return ",".join(pairs) or None


def describe(snapshot, number, path, entry, slots, names):
    """All that is known of one entry."""
    kind, device = entry.kind, entry["major number"] is not None
    line = {
        "path": escape(path or b"."), "type": LETTERS[kind],
        "mode": f"{entry['mode']:04o}", "uid": entry["owner"],
        "gid": entry["group"],
        "size": None if kind == "directory" else entry["size"],
        "mtime": nanoseconds(entry["modification time"]),
        "rdev": f"{entry['major number']}:{entry['minor number']}"
                if device else None,
        "nlink": None if kind == "directory" else
                 entry["number of links at the source"] or 1,
        "link": None, "sha256": None, "target": None,
        "xattr": attributes(snapshot, entry, slots), "map": None,
    }
    if kind == "regular":
        digest = contents(snapshot, entry, slots)
        line.update(sha256=digest.end(), map=digest.map)
    elif kind == "symbolic link":
        target = snapshot.target(entry, slots)
        line["target"] = None if target is None else escape(target)
    group = entry["link group"]
    line.update(
        root=number, ctime=nanoseconds(entry["status change time"]),
        flags=entry["flags"], content=entry["content"],
        user=escape(names.get((1, entry["owner"]), b"")),
        group=escape(names.get((2, entry["group"]), b"")),
        links=group.hex() if group else None,
        tags={str(n): value.hex() for n, value in entry.tags.items()},
        below=entry["number of entries below it"],
        bytes=entry["size"] if kind == "directory" else None)
    return line


def listing(snapshot):
    """Each entry's line, paths in the order of their bytes."""
    found = sorted(((number, path or b".", describe(
        snapshot, number, path, entry, slots, names))
        for number, path, entry, slots, names in snapshot.walk()),
        key=lambda step: step[:2])
    groups = {}
    for number, _, line in found:
        if line["links"]:
            groups.setdefault((number, line["links"]), []).append(line)
    for lines in groups.values():
        for line in lines if len(lines) > 1 else ():
            line["link"] = lines[0]["path"]
    return [line for _, _, line in found]
