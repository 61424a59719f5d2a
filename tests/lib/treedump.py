#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Print what a tree is made of, so that `diff` can compare two of them.

    diff <(treedump.py A) <(treedump.py B)

One line per name, sorted by path bytes, fields separated by one space:

    PATH type= mode= uid= gid= size= mtime= rdev= nlink= link= sha256=
    target= xattr= map=

PATH is relative to DIR, the root is ".". Bytes outside 0x21..0x7e and
the backslash stand as \\xNN, here and in every other field that carries
foreign bytes. "-" means that the field has no meaning for this inode.

type    f d l p s c b: file, directory, symlink, FIFO, socket, devices
mtime   nanoseconds since 1970, may be negative
nlink   left out for directories, whose count each file system makes up,
        and so is their size
link    the first path of the inode's hard-link group, where more than
        one name of it lies under DIR
sha256  over (offset as 8 bytes little-endian, block) of each 4096-byte
        block that is not all zeros, the last one padded with zeros. So
        it depends on the bytes and not on the hole layout, and a 2 TiB
        sparse file costs what its data costs. Not what sha256sum says.
xattr   name=hex pairs in order of the name, joined by commas; ACLs and
        file capabilities are among them
map     where SEEK_DATA finds data: START-END,... rounded outwards to
        4096. An all-hole or empty file has "none".

What cannot be read stands as !ERRNAME in its field, a line on stderr
tells more, and the exit status is 1. Access and change times and inode
numbers are not shown: no restore can bring them back.

Everything is reached relative to an open directory, so paths may be
longer than PATH_MAX.
"""

import argparse
import errno
import fcntl
import hashlib
import json
import os
import resource
import stat
import struct
import sys

BLOCK = 4096
PIECE = 256 * BLOCK
ZEROS = bytes(BLOCK)

NUMBERS = ("uid", "gid", "size", "mtime", "nlink")
TYPES = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l",
    stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
}

FIEMAP = 0xC020660B             # FS_IOC_FIEMAP
FIEMAP_HEAD = struct.Struct("=QQIIII")
FIEMAP_EXTENT = struct.Struct("=QQQQQIIII")
FIEMAP_BATCH = 64
FIEMAP_LAST = 0x1
FIEMAP_UNWRITTEN = 0x800


def escape(raw):
    return "".join(
        chr(c) if 0x21 <= c <= 0x7e and c != 0x5c else "\\x%02x" % c
        for c in raw)


def as_json(pairs):
    """The fields with numbers as numbers, "-" as null."""
    record = {}
    for name, value in pairs:
        if value == "-":
            record[name] = None
        elif name in NUMBERS and not value.startswith("!"):
            record[name] = int(value)
        else:
            record[name] = value
    return record


def has_unwritten(fd):
    """Whether the file has space allocated but never written.

    False also where the file system cannot tell."""
    start = 0
    while True:
        request = bytearray(FIEMAP_HEAD.size
                            + FIEMAP_BATCH * FIEMAP_EXTENT.size)
        FIEMAP_HEAD.pack_into(request, 0, start, (1 << 64) - 1 - start,
                              0, 0, FIEMAP_BATCH, 0)
        try:
            fcntl.ioctl(fd, FIEMAP, request)
        except OSError:
            return False
        found = FIEMAP_HEAD.unpack_from(request)[3]
        if found == 0:
            return False
        for i in range(found):
            extent = FIEMAP_EXTENT.unpack_from(
                request, FIEMAP_HEAD.size + i * FIEMAP_EXTENT.size)
            flags = extent[5]
            if flags & FIEMAP_UNWRITTEN:
                return True
            if flags & FIEMAP_LAST:
                return False
        start = extent[0] + extent[2]


def data_map(fd, size):
    """The [start, end) pairs that hold data, rounded outwards to BLOCK.

    Over an unwritten extent the kernel calls data whatever happens to
    lie in the page cache, so a mere read (or the read-ahead of its
    neighbour) would change the answer. Write back and drop first."""
    if size > 0 and has_unwritten(fd):
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    extents = []
    place = 0
    while place < size:
        try:
            start = os.lseek(fd, place, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as e:
            if e.errno == errno.ENXIO:
                break
            if e.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            start, end = place, size
        if end <= place:
            raise OSError(errno.EIO, "SEEK_HOLE does not advance")
        place = end
        start -= start % BLOCK
        end += -end % BLOCK
        if extents and start <= extents[-1][1]:
            extents[-1][1] = end
        else:
            extents.append([start, end])
    return extents


def read_piece(fd, length, offset):
    """Like pread, but short only at the end of the file."""
    parts = []
    while length > 0:
        part = os.pread(fd, length, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def hash_data(fd, extents):
    digest = hashlib.sha256()
    for start, end in extents:
        while start < end:
            piece = read_piece(fd, min(PIECE, end - start), start)
            if not piece:
                break
            for i in range(0, len(piece), BLOCK):
                block = piece[i:i + BLOCK]
                if len(block) < BLOCK:
                    block += bytes(BLOCK - len(block))
                if block != ZEROS:
                    digest.update((start + i).to_bytes(8, "little"))
                    digest.update(block)
            start += len(piece)
    return digest.hexdigest()


class Dumper:
    def __init__(self):
        self.entries = []       # (path bytes, inode key, fields)
        self.names = {}         # inode key -> number of names, first
        self.failed = False

    def guarded(self, path, fields, name, action):
        """Set a field to what action returns, or to what went wrong."""
        try:
            fields[name] = action()
        except OSError as e:
            self.failed = True
            code = errno.errorcode.get(e.errno, str(e.errno))
            fields[name] = "!" + code
            print("treedump: %s: %s: %s" % (escape(path), name,
                                            os.strerror(e.errno or 0)),
                  file=sys.stderr)

    def contents(self, path, fields, name, dirfd, size):
        fd = -1
        extents = []

        def opened():
            nonlocal fd
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW
                         | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dirfd)
            extents.extend(data_map(fd, size))
            return ",".join("%d-%d" % (a, b) for a, b in extents) or "none"

        try:
            self.guarded(path, fields, "map", opened)
            if fields["map"].startswith("!"):
                fields["sha256"] = fields["map"]
                return
            self.guarded(path, fields, "sha256",
                         lambda: hash_data(fd, extents))
        finally:
            if fd >= 0:
                os.close(fd)

    def xattrs(self, name):
        """The caller has made the directory of name the current one."""
        try:
            keys = os.listxattr(name, follow_symlinks=False)
        except OSError as e:
            if e.errno == errno.EOPNOTSUPP:
                return "-"
            raise
        pairs = []
        for key in sorted(os.fsencode(k) for k in keys):
            value = os.getxattr(name, key, follow_symlinks=False)
            shown = escape(key).replace("=", "\\x3d").replace(",", "\\x2c")
            pairs.append("%s=%s" % (shown, value.hex()))
        return ",".join(pairs) or "-"

    def inode(self, path, name, dirfd):
        """Record one name of the current directory, which dirfd also is.

        Returns its stat result, None where there is none."""
        fields = {}
        found = None

        def looked():
            nonlocal found
            found = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
            return TYPES.get(stat.S_IFMT(found.st_mode), "?")

        self.guarded(path, fields, "type", looked)
        if found is None:
            self.entries.append((path, None, fields))
            return None
        kind = fields["type"]
        fields.update({
            "mode": "%04o" % stat.S_IMODE(found.st_mode),
            "uid": str(found.st_uid),
            "gid": str(found.st_gid),
            "size": "-" if kind == "d" else str(found.st_size),
            "mtime": str(found.st_mtime_ns),
            "rdev": "-",
            "nlink": "-" if kind == "d" else str(found.st_nlink),
            "link": "-", "sha256": "-", "target": "-", "xattr": "-",
            "map": "-",
        })
        if kind in "bc":
            fields["rdev"] = "%d:%d" % (os.major(found.st_rdev),
                                        os.minor(found.st_rdev))
        if kind == "f":
            self.contents(path, fields, name, dirfd, found.st_size)
        if kind == "l":
            self.guarded(path, fields, "target", lambda: escape(
                os.readlink(name, dir_fd=dirfd)))
        self.guarded(path, fields, "xattr", lambda: self.xattrs(name))
        key = None
        if kind != "d":
            key = (found.st_dev, found.st_ino)
            count, first = self.names.get(key, (0, path))
            self.names[key] = (count + 1, min(first, path))
        self.entries.append((path, key, fields))
        return found

    def directory(self, path, dirfd):
        """Record what lies in an open directory, and below."""
        listing = {}
        self.guarded(path, listing, "entries",
                     lambda: sorted(os.fsencode(n)
                                    for n in os.listdir(dirfd)))
        if isinstance(listing["entries"], str):
            self.entries.append((path + b"/?", None, listing))
            return
        for name in listing["entries"]:
            below = name if path == b"." else path + b"/" + name
            os.fchdir(dirfd)
            found = self.inode(below, name, dirfd)
            if found is None or not stat.S_ISDIR(found.st_mode):
                continue
            opened = {}
            self.guarded(below, opened, "fd", lambda: os.open(
                name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                | os.O_CLOEXEC, dir_fd=dirfd))
            if isinstance(opened["fd"], str):
                self.entries.append((below + b"/?", None,
                                     {"entries": opened["fd"]}))
                continue
            try:
                self.directory(below, opened["fd"])
            finally:
                os.close(opened["fd"])

    def tree(self, top):
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(fd)
        self.inode(b".", b".", fd)
        self.directory(b".", fd)
        os.close(fd)

    def link_groups(self):
        for _, key, fields in self.entries:
            if key is not None and self.names[key][0] > 1:
                fields["link"] = escape(self.names[key][1])


ORDER = ("type mode uid gid size mtime rdev nlink link sha256 target"
         " xattr map entries").split()


def describe(folder, left_out=(), as_text=True):
    """The lines for a tree, and whether all of it could be read. The
    current directory is another one meanwhile."""
    # One descriptor and two calls are in use per level of the tree.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.setrecursionlimit(20000)

    dumper = Dumper()
    back = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        dumper.tree(folder)
    finally:
        os.fchdir(back)
        os.close(back)
    dumper.link_groups()
    lines = []
    for path, _, fields in sorted(dumper.entries, key=lambda e: e[0]):
        shown = [(name, fields[name]) for name in ORDER
                 if name in fields and name not in left_out]
        if as_text:
            lines.append(" ".join([escape(path)]
                                  + ["%s=%s" % pair for pair in shown]))
        else:
            lines.append(json.dumps({"path": escape(path),
                                     **as_json(shown)}))
    return lines, not dumper.failed


def main():
    parser = argparse.ArgumentParser(
        prog="treedump.py",
        description="Print one comparable line for each name in a tree.")
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--no-nlink", action="store_true",
                        help="leave link counts out")
    parser.add_argument("--no-holes", action="store_true",
                        help="leave the map of data and holes out")
    parser.add_argument("--json", action="store_true",
                        help="print each line as a JSON object")
    args = parser.parse_args()

    left_out = set()
    if args.no_nlink:
        left_out.add("nlink")
    if args.no_holes:
        left_out.add("map")
    try:
        lines, whole = describe(args.dir, left_out, not args.json)
    except OSError as e:
        print("treedump: %s: %s" % (escape(os.fsencode(args.dir)),
                                    e.strerror), file=sys.stderr)
        return 1
    for line in lines:
        print(line)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
