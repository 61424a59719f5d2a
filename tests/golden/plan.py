# SPDX-License-Identifier: Apache-2.0
"""The planted sources: what their agents list and send, and what a reader
must find in their snapshots. One of everything that format version 1 knows
and that can be written today."""

import hashlib

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
(REGULAR, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK) = range(1, 8)
LETTERS = " fdlpscb"
CHUNK, NODE, PAGE, PAGES, LINK = 1, 2, 3, 4, 6          # section 7
# Of a listing, 10.1.
FOLLOWS, OTHER_FILE_SYSTEM, CACHEDIR, UNEXAMINED = 1, 2, 4, 8
# Of an entry, 7.2.
(HAS_ATTRIBUTES, HAS_GROUP, CHANGED, UNREAD, NOT_ENTERED,
 LACKS_ATTRIBUTES) = 1, 2, 4, 8, 16, 32
# Reasons, 7.6.
(NOT_OPENED, NOT_READ, NO_ATTRIBUTES, CHANGED_WHILE_READ, DIRECTORY_CUT,
 NO_TARGET, NOT_EXAMINED, ATTRIBUTES_TOO_LARGE) = range(1, 9)

ENOENT = 2
DEVICE, OTHER_DEVICE = 0x0102030405060708, 0x1112131415161718
NAMES = {("user", 1000): b"anna", ("user", 1): "müller".encode(),
         ("group", 0): b"root", ("group", 100): b"users",
         ("group", 1000): b"m", ("user", 0): b"root"}


def noise(seed, length):
    """Incompressible bytes, always the same."""
    return hashlib.shake_128(seed.encode()).digest(length)


def text(seed, length):
    """Compressible ones: a deck of lines that is dealt again and again,
    now and then with a new line."""
    deck = [noise(f"{seed} {i}", 24).hex().encode() + b"\n"
            for i in range(12)]
    lines, size, i = [], 0, 0
    while size < length:
        line = deck[(i * 7 + i // 50) % 12]
        if i % 40 == 0:
            line = b"%d of " % i + line
        lines.append(line)
        size, i = size + len(line), i + 1
    return b"".join(lines)[:length]


class Inode:
    """One entry. content: of a regular file bytes and, for holes, numbers;
    content_type: what the snapshot's entry must say; sent: what comes of it
    before it cannot be read on."""

    def __init__(self, name, kind=REGULAR, **more):
        number = int.from_bytes(noise(f"inode {name.hex()}", 4), "little")
        self.name, self.kind = name, kind
        self.mode, self.owner, self.group = 0o644, 1000, 100
        self.mtime = (1600000000 + number % 10 ** 8, number % 10 ** 9)
        self.ctime = (1700000000 + number % 10 ** 7, number % 999999937)
        self.inode, self.device = 0x2122232400000000 + number, DEVICE
        self.links, self.major, self.minor = 1, 0, 0
        self.target, self.attributes, self.content = b"", {}, []
        self.below, self.content_type, self.problem = [], None, None
        self.changed = self.restart = False
        self.listing_flags = FOLLOWS if kind == DIRECTORY else 0
        self.listed_size, self.batch = None, 1024
        if kind == DIRECTORY:
            self.mode = 0o755
        for key, value in more.items():
            assert hasattr(self, key), key
            setattr(self, key, value)

    @property
    def size(self):
        if self.kind == SYMLINK:
            return len(self.target)
        return sum(p if isinstance(p, int) else len(p) for p in self.content)

    @property
    def unexamined(self):
        return self.listing_flags & UNEXAMINED != 0

    @property
    def gone(self):
        return self.problem == (NOT_OPENED, ENOENT)

    @property
    def left_out(self):
        return self.unexamined or self.gone


def directory(name, below, **more):
    return Inode(name, DIRECTORY, mode=more.pop("mode", 0o755), below=sorted(
        below, key=lambda i: i.name), **more)


# What lies in the sources.

def kinds():
    long_target = b"../" * 1364 + b"end"
    return directory(b"kinds", [
        Inode(b"fifo", FIFO, mode=0o600), Inode(b"socket", SOCKET),
        Inode(b"character", CHARACTER, major=4095, minor=1048575),
        Inode(b"block", BLOCK, major=8, minor=17, mode=0o660),
        Inode(b"link", SYMLINK, target=b"\xff to nowhere", mode=0o777),
        Inode(b"link-4095", SYMLINK, target=long_target, mode=0o777),
        directory(b"empty", []),
        directory(b"other-file-system", [], mode=0o1777,
                  listing_flags=OTHER_FILE_SYSTEM, listed_size=4096),
        directory(b"cachedir", [], listing_flags=CACHEDIR),
        Inode(b"n" * 255), Inode(b"\x01\xff\n"),
    ])


def numbers():
    return directory(b"numbers", [
        Inode(b"mode-7777", mode=0o7777), Inode(b"mode-0", mode=0),
        Inode(b"owner-0", owner=0, group=0),
        Inode(b"owner-largest", owner=4294967294, group=4294967293),
        Inode(b"owner-named", owner=1, group=1000),
        Inode(b"time-0", mtime=(0, 0), ctime=(0, 1)),
        Inode(b"time-before", mtime=(-2147483648, 0), ctime=(-1, 999999999)),
        Inode(b"time-2106", mtime=(4294967295, 999999999)),
        Inode(b"time-2400", mtime=(13569465600, 1)),
    ])


def sizes():
    return directory(b"sizes", [
        Inode(b"0"), Inode(b"1", content=[b"\xa5"], content_type=CHUNK),
        Inode(b"16384", content=[noise("16384", 16384)], content_type=CHUNK),
        Inode(b"16385-raw", content=[noise("16385", 16385)],
              content_type=CHUNK),
        Inode(b"several-slices", content=[noise("several", 85000)],
              content_type=NODE),
        Inode(b"text-400000", content=[text("text", 400000)],
              content_type=NODE),
        Inode(b"zeros-1m", content=[bytes(MIB)], content_type=NODE),
        Inode(b"hole-only", content=[12345]),
        Inode(b"hole-first", content=[65536, b"behind"], content_type=NODE),
        Inode(b"hole-middle", content=[b"before", 1 << 40, b"behind"],
              content_type=NODE),
        Inode(b"hole-last", content=[b"before", 65536], content_type=NODE),
        Inode(b"again", content=[text("again", 5000)], content_type=CHUNK,
              restart=True),
    ])


def fixed(pieces):
    """Files that are cut at fixed places."""
    piece = text("piece", 16384)
    return directory(b"fixed", [
        Inode(b"disk.img", content=[
            piece + piece + piece, 32768, bytes(98304) + b"\1" * 16384
            + text("other", 16384 * 7 + 77)], content_type=NODE),
        Inode(b"ibdata1", content=[text("ibdata1", 16384)
                                   + b"\2" * (16384 * 16)],
              content_type=NODE),
        Inode(b"linked.img", links=2, content=[
            piece + b"\3" * 262144], content_type=NODE),
        Inode(b"small.raw", content=[text("small", 16384 * 2)],
              content_type=CHUNK),
        Inode(b"64g.vhdx", content=[
            text("first", 65536) + text("second", 65536),
            64 * GIB - 131072, b"beyond"], content_type=NODE),
        Inode(b"tree.qcow2", content=[pieces], content_type=NODE),
    ])


def links():
    same = {"links": 3, "inode": 77, "mtime": (1650000000, 5),
            "ctime": (1650000000, 6), "content": [b"linked\n"],
            "content_type": CHUNK}
    return directory(b"links", [
        Inode(b"one", **same), Inode(b"two", **same),
        Inode(b"elsewhere", device=OTHER_DEVICE, **same),
        Inode(b"fifo-one", FIFO, links=2, inode=78, mtime=(5, 5),
              ctime=(6, 6)),
        Inode(b"fifo-two", FIFO, links=2, inode=78, mtime=(5, 5),
              ctime=(6, 6)),
        Inode(b"device-one", CHARACTER, links=2, inode=79, mtime=(7, 7),
              ctime=(8, 8), major=1, minor=3),
        Inode(b"device-two", CHARACTER, links=2, inode=79, mtime=(7, 7),
              ctime=(8, 8), major=1, minor=3),
    ])


def attributes():
    acl = bytes.fromhex("02000000" "01000600ffffffff" "02000400e9030000"
                        "04000400ffffffff" "10000600ffffffff"
                        "20000400ffffffff")
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    one = {b"user.one": b"1"}
    return directory(b"attributes", [
        Inode(b"acl", mode=0o664, attributes={
            b"system.posix_acl_access": acl}),
        Inode(b"capability", mode=0o755, attributes={
            b"security.capability": capability}),
        Inode(b"several", attributes={
            b"user." + b"n" * 250: b"longest name", b"user.empty": b"",
            b"user.all": bytes(range(256)), b"trusted.t": b"\0t\0"}),
        Inode(b"same-1", attributes=one), Inode(b"same-2", attributes=one),
    ], attributes={b"user.of a directory": b"yes"})


def unreadable():
    return directory(b"unreadable", [
        Inode(b"changed", content=[b"of no one moment"], changed=True,
              content_type=CHUNK),
        Inode(b"not-opened", listed_size=7777, problem=(NOT_OPENED, 13)),
        Inode(b"not-read-on", content=[b"as far as it went"],
              content_type=CHUNK, problem=(NOT_READ, 5)),
        Inode(b"no-attributes", problem=(NO_ATTRIBUTES, 95)),
        Inode(b"attributes-too-large", problem=(ATTRIBUTES_TOO_LARGE, 7)),
        Inode(b"no-target", SYMLINK, problem=(NO_TARGET, 5)),
        Inode(b"gone", listed_size=7777, problem=(NOT_OPENED, ENOENT)),
        Inode(b"not-examined", listing_flags=UNEXAMINED,
              problem=(NOT_EXAMINED, 40)),
        directory(b"cut", [Inode(b"the-only-one-seen")],
                  problem=(DIRECTORY_CUT, 116)),
    ])


def deep():
    """Names below it are so long that the problems of one directory fill a
    list, and go on in another."""
    bottom = [Inode(b"unread-%03d" % i, problem=(NOT_OPENED, 100 + i))
              for i in range(290)] + [Inode(b"last", content=[b"deepest\n"],
                                            content_type=CHUNK)]
    bottom.sort(key=lambda i: i.name)
    for i in reversed(range(15)):
        bottom = [directory(b"%02d-" % i + b"d" * 250, bottom,
                            content_type=PAGES if i == 14 else PAGE)]
    return bottom[0]


def crowd(page_hash):
    """A directory of two levels of nodes and two ranges of stat records: long
    names whose hashes end a page as soon as may be, a node at its 32nd page,
    and a range at its 512th entry; the last page has one entry."""
    entries, size, number, pages = [], 0, 0, 0
    entry_size = 2 + 1 + 250 + 46
    while pages < 37 or not size:
        begins = size == 0 and pages > 0
        full = size + entry_size >= 4096
        for salt in range(1 << 16):
            name = (b"%04d-%04x-" % (number, salt)).ljust(250, b"c")
            h = page_hash(name)
            if (h % 128 == 0) == full and (
                    not begins or (h >> 8 & 63 == 0) == (pages == 31)) and (
                    number < 511 or (h >> 16 & 1023 == 0) == (number == 511)):
                break
        entries.append(Inode(name, owner=0, group=0,
                             mtime=(1500000000, number),
                             ctime=(1500000000, number)))
        number += 1
        size = 0 if full else size + entry_size
        pages += full
    return directory(b"crowd", entries, batch=300, content_type=PAGES)


def tree_pieces(id_first):
    """Pieces of 16 KiB of which the 256th ends its node, and one more: two
    take turns, so that they cost nothing."""
    a, b = text("a", 16384), text("b", 16384)
    salt = 0
    while True:
        end = text("end", 16384 - 8) + b"%08d" % salt
        if id_first(end) % 768 == 0:
            break
        salt += 1
    for piece in (a, b):
        assert id_first(piece) % 768 != 0
    return b"".join((a, b)[i % 2] for i in range(255)) + end + a


def alpha(keys):
    return directory(b"", [
        kinds(), numbers(), sizes(), fixed(tree_pieces(keys.id_first)),
        links(), attributes(), unreadable(), Inode(b"plain", content=[
            b"plain\n"], content_type=CHUNK),
    ], owner=0, group=0, mtime=(1234567890, 987654321),
        attributes={b"user.root": b"of the path"})


def alpha_later(before):
    """The same weeks later: some of it changed, and nothing unread."""
    again = [i for i in before.below if i.name != b"unreadable"]
    again.append(Inode(b"new", content=[noise("new", 3000)],
                       content_type=CHUNK))
    later = directory(b"", again)
    later.__dict__.update({**before.__dict__, "below": later.below})
    return later


def beta(keys):
    return directory(b"", [
        deep(), crowd(keys.page_hash),
        Inode(b"shared", content=[noise("16384", 16384)],
              content_type=CHUNK),
        Inode(b"recent", content=[b"its time is not to be trusted\n"],
              mtime=(2000000101, 0), content_type=CHUNK),
    ], owner=0, group=0)


def gamma():
    """Its agent dies in the second file, at first."""
    return directory(b"", [
        Inode(b"first", content=[noise("first", 2000)], content_type=CHUNK),
        Inode(b"half", content=[noise("half", 2000)], content_type=CHUNK)])


# What a reader must say of it.

def escape(raw):
    return "".join(chr(c) if 0x21 <= c <= 0x7e and c != 0x5c
                   else f"\\x{c:02x}" for c in raw)


def digest(pieces):
    """As tests/lib/treedump.py has it, and where the data lies."""
    sums, extents, blocks, at = hashlib.sha256(), [], {}, 0
    for piece in pieces:
        if isinstance(piece, int):
            at += piece
            continue
        for place in range(at - at % 4096, at + len(piece), 4096):
            block = blocks.setdefault(place, bytearray(4096))
            low, high = max(place, at), min(place + 4096, at + len(piece))
            block[low - place:high - place] = piece[low - at:high - at]
            if extents and extents[-1][1] >= place:
                extents[-1][1] = place + 4096
            else:
                extents.append([place, place + 4096])
        at += len(piece)
    for place, block in sorted(blocks.items()):
        if any(block):
            sums.update(place.to_bytes(8, "little") + block)
    return (sums.hexdigest(),
            ",".join(f"{a}-{b}" for a, b in extents) or "none")


def sums_of(inode):
    """Entries and file bytes below a directory."""
    entries = size = 0
    for below in inode.below:
        if below.left_out:
            continue
        entries += 1
        if below.kind == REGULAR:
            size += kept_size(below)
        elif below.kind == DIRECTORY:
            more = sums_of(below)
            entries, size = entries + more[0], size + more[1]
    return entries, size


def kept_size(inode):
    unopened = inode.problem and inode.problem[0] == NOT_OPENED
    return inode.listed_size if unopened and inode.listed_size else \
        inode.size


def flags_of(inode):
    reason = inode.problem[0] if inode.problem else None
    flags = HAS_ATTRIBUTES if inode.attributes else 0
    flags |= HAS_GROUP if inode.links > 1 else 0
    flags |= CHANGED if inode.changed else 0
    flags |= UNREAD if reason in (NOT_OPENED, NOT_READ, DIRECTORY_CUT,
                                  NO_TARGET) else 0
    if any(below.unexamined for below in inode.below):
        flags |= UNREAD
    if inode.kind == DIRECTORY and not inode.listing_flags & FOLLOWS:
        flags |= NOT_ENTERED
    if reason in (NO_ATTRIBUTES, ATTRIBUTES_TOO_LARGE):
        flags |= LACKS_ATTRIBUTES
    return flags


def line_of(number, up, inode, content, group):
    """One entry, numbered in pre-order; group: its link group."""
    below, size = sums_of(inode) if inode.kind == DIRECTORY else (None, None)
    device = inode.kind in (CHARACTER, BLOCK)
    sha256, extents = digest(inode.content) if inode.kind == REGULAR else (
        None, None)
    if kept_size(inode) != inode.size and inode.kind == REGULAR:
        sha256, extents = digest([])
    return {
        "number": number, "up": up, "name": escape(inode.name),
        "type": LETTERS[inode.kind], "mode": f"{inode.mode:04o}",
        "uid": inode.owner, "gid": inode.group,
        "size": None if inode.kind == DIRECTORY else kept_size(inode)
        if inode.kind in (REGULAR, SYMLINK) else 0,
        "mtime": inode.mtime[0] * 10 ** 9 + inode.mtime[1],
        "rdev": f"{inode.major}:{inode.minor}" if device else None,
        "nlink": None if inode.kind == DIRECTORY else inode.links,
        "sha256": sha256,
        "target": escape(inode.target) if inode.kind == SYMLINK
        and inode.target else None,
        "xattr": ",".join(
            escape(n).replace("=", "\\x3d").replace(",", "\\x2c") + "="
            + v.hex() for n, v in sorted(inode.attributes.items())) or None,
        "map": extents,
        "ctime": inode.ctime[0] * 10 ** 9 + inode.ctime[1],
        "flags": flags_of(inode), "content": content,
        "user": escape(NAMES.get(("user", inode.owner), b"")),
        "group": escape(NAMES.get(("group", inode.group), b"")),
        "tags": {}, "links": group, "below": below, "bytes": size,
    }


def listing(root, keys, source):
    """A line for each entry, in pre-order."""
    lines, stack = [], [(root, None)]
    while stack:
        inode, up = stack.pop()
        content = inode.content_type or 0
        if inode.kind == SYMLINK and inode.target:
            content = LINK
        if inode.kind == DIRECTORY and inode.listing_flags & FOLLOWS:
            content = inode.content_type or PAGE
        number, group = len(lines), None
        if inode.links > 1:
            group = keys.link_group(source, 0 if inode.device == root.device
                                    else inode.device, inode.inode).hex()
        lines.append(line_of(number, up, inode, content, group))
        stack += [(below, number) for below in reversed(inode.below)
                  if not below.left_out]
    return lines


def problems(root):
    """(reason, errno, name) of each, by name."""
    found, stack = [], [(root, b"")]
    while stack:
        inode, path = stack.pop()
        if inode.gone:
            found.append((CHANGED_WHILE_READ, ENOENT, path[-65535:]))
        elif inode.problem:
            found.append((*inode.problem, path[-65535:]))
        if inode.changed:
            found.append((CHANGED_WHILE_READ, 0, path[-65535:]))
        stack += [(b, (path + b"/" if path else b"") + b.name)
                  for b in inode.below]
    return sorted(found, key=lambda p: p[2])


