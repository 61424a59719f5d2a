#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that misbehaves on purpose, as the program behind `muniment pull
--agent`. What it does wrong is chosen by the environment variable HOSTILE; the
word `list` as only argument prints all of them, each with the refusal that
it must meet, if any; `cuts STEP` prints at which bytes to cut an honest stream
off: each that is not a whole number of steps from a drawn one is left out,
but for the last and the first of each frame. Written from docs/format.md
section 10."""

import os
import random
import struct
import sys
import threading
import time

REGULAR, DIRECTORY, SYMLINK = 1, 2, 3
FOLLOWS = 1
LAST = 1
NO_PARENT = 0xFFFFFFFF


def out(data):
    os.write(1, data) if len(data) < 65536 else write_all(data)


def write_all(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]


def frame(kind, payload=b""):
    return struct.pack("<IHH", len(payload), kind, 0) + payload


def read_exact(n):
    data = b""
    while len(data) < n:
        more = os.read(0, n - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def receive():
    n, kind, _ = struct.unpack("<IHH", read_exact(8))
    return kind, read_exact(n)


def receive_all():
    while True:
        receive()


def hello(version=1, batches=64):
    return frame(65, b"MUNIWIRE" + struct.pack("<HHIq", version, 0, batches,
                                               int(time.time())))


def entry(name, kind=REGULAR, flags=0, size=5, mode=0o644, ino=7, links=1,
          when=1000):
    return (struct.pack("<B", len(name)) + name
            + struct.pack("<BBHIIQqIqIQQIII", kind, flags, mode, 0, 0, size,
                          when, 0, when, 0, ino, 1, links, 0, 0))


def batch(number, parent, index, entries, flags=LAST):
    return frame(67, struct.pack("<IIHHHH", number, parent, index, flags,
                                 len(entries), 0) + b"".join(entries))


def root():
    return batch(0, NO_PARENT, 0, [entry(b"", DIRECTORY, FOLLOWS, 0)])


def data(number, index, offset, content):
    return frame(70, struct.pack("<IHHQ", number, index, 0, offset) + content)


def file_end(number, index, size, flags=0, when=1000):
    return frame(72, struct.pack("<IHHQqIqI", number, index, flags, size, when,
                                 0, when, 0))


def hole(number, index, offset, length):
    return frame(71, struct.pack("<IHHQQ", number, index, 0, offset, length))


def link(number, index, target):
    return frame(69, struct.pack("<IHH", number, index, 0) + target)


def restart(number, index):
    return frame(73, struct.pack("<IHH", number, index, 0))


def attrs(number, index, body=struct.pack("<I", 0)):
    return frame(68, struct.pack("<IHH", number, index, 0) + body)


def batch_done(number):
    return frame(76, struct.pack("<I", number))


def done(batches):
    return frame(75, struct.pack("<Q", batches))


def greet(version=1, batches=64):
    receive()
    out(hello(version, batches))
    receive()


def begin(entries, flags=LAST):
    """Root and its one batch, answered for the root."""
    greet()
    out(root() + batch(1, 0, 0, entries, flags))
    out(attrs(0, 0) + batch_done(0))


def one_file(tail):
    begin([entry(b"file")])
    out(attrs(1, 0) + tail)


def names(*list_of_names):
    begin([entry(n) for n in list_of_names])


def honest():
    one_file(data(1, 0, 0, b"hello") + file_end(1, 0, 5) + batch_done(1)
             + done(2))
    time.sleep(1)


def deep():
    greet()
    out(root() + attrs(0, 0) + batch_done(0))
    parent = 0
    for n in range(1, 20000):
        out(batch(n, parent, 0, [entry(b"d", DIRECTORY, FOLLOWS, 0)])
            + attrs(n, 0) + batch_done(n))
        parent = n


def wide():
    """Full directories below one another: live entries without end."""
    greet()
    out(root() + attrs(0, 0) + batch_done(0))
    names_ = [b"%04d" % i for i in range(1024)]
    for n in range(1, 4000):
        out(batch(n, n - 1, 0, [entry(x, DIRECTORY, FOLLOWS, 0)
                                for x in names_]))
        out(b"".join(attrs(n, i) for i in range(1024)) + batch_done(n))


def alike():
    """Empty directories in great number, all the same: what is stored of them
    fills no pack."""
    greet()
    threading.Thread(target=receive_all, daemon=True).start()
    out(root() + attrs(0, 0) + batch_done(0))
    full = [entry(b"%04d" % i, DIRECTORY, FOLLOWS, 0) for i in range(1000)]
    some = full[:100]
    out(batch(1, 0, 0, some)
        + b"".join(attrs(1, i) for i in range(len(some))) + batch_done(1))
    n = 2
    for i in range(len(some)):
        out(batch(n, 1, i, full)
            + b"".join(attrs(n, j) for j in range(len(full))) + batch_done(n))
        out(b"".join(batch(n + 1 + j, n, j, []) + batch_done(n + 1 + j)
                     for j in range(len(full))))
        n += 1 + len(full)
    out(done(n))


def owners():
    greet()
    for n in range(1, 300000, 500):
        out(b"".join(frame(66, struct.pack("<BIB", 1, n + i, 1) + b"x")
                     for i in range(500)))


def frames():
    """All that an honest agent sends of a small tree, with each frame that
    brings something. What is that young is read anew each time."""
    now = int(time.time())
    listing = [entry(b"dir", DIRECTORY, FOLLOWS, 0, 0o755, 2, 1, now),
               entry(b"file", REGULAR, 0, 5, 0o644, 3, 1, now),
               entry(b"holes", REGULAR, 0, 4099, 0o644, 4, 1, now),
               entry(b"link", SYMLINK, 0, 4, 0o777, 5, 1, now)]
    below = [entry(b"file", REGULAR, 0, 5, 0o644, 6, 1, now)]
    one = struct.pack("<IHI", 1, 6, 5) + b"user.a" + b"value"
    return [
        hello(), frame(66, struct.pack("<BIB", 1, 0, 4) + b"root"), root(),
        batch(1, 0, 0, listing), attrs(0, 0), batch_done(0),
        batch(2, 1, 0, below),
        attrs(1, 0), attrs(1, 1, one), data(1, 1, 0, b"hal"), restart(1, 1),
        data(1, 1, 0, b"hel"), data(1, 1, 3, b"lo"), file_end(1, 1, 5, 0, now),
        attrs(1, 2), hole(1, 2, 0, 4096), data(1, 2, 4096, b"end"),
        file_end(1, 2, 4099, 0, now), attrs(1, 3), link(1, 3, b"file"),
        batch_done(1),
        attrs(2, 0), data(2, 0, 0, b"below"), file_end(2, 0, 5, 0, now),
        batch_done(2), done(3)]


def cut_at(n):
    """The whole tree, up to a byte of it; all of it at -1."""
    receive()
    whole = b"".join(frames())
    out(whole[:n] if n >= 0 else whole)
    if n >= 0:
        os._exit(0)


def cuts(step):
    at, ends = 0, []
    for part in frames():
        at += len(part)
        ends.append(at)
    near = {e + d for e in ends for d in (-1, 0, 1)} | {0, 1}
    start = random.randrange(step)
    return [n for n in range(at) if n in near or n % step == start]


def links():
    """Files of one inode, if the numbers of links were true; no two that are
    there together have all of content, mode and size in common."""
    names_ = (b"a", b"b", b"c", b"d", b"e", b"f")
    of = (2, 2, 0xFFFFFFFF, 0, 3, 2)
    begin([entry(n, links=k, mode=0o600 + i)
           for i, (n, k) in enumerate(zip(names_, of))]
          + [entry(b"g", SYMLINK, 0, 5, links=2),
             entry(b"h", DIRECTORY, 0, 0, links=2)])
    tail = b""
    for i, n in enumerate(names_):
        # The last two have one content.
        content = n * 5 if i < 4 else b"equal"
        tail += attrs(1, i) + data(1, i, 0, content) + file_end(1, i, 5)
    out(tail + attrs(1, 6) + link(1, 6, b"a") + attrs(1, 7) + batch_done(1)
        + done(2))


def half_a_file():
    one_file(data(1, 0, 0, b"he"))
    os._exit(0)


def restart_forever():
    one_file(b"".join(data(1, 0, 0, b"he")
                      + frame(73, struct.pack("<IHH", 1, 0, 0))
                      for _ in range(3)))


def deaf(entries):
    """Batches without end, answers never read."""
    greet()
    out(root() + attrs(0, 0) + batch_done(0))
    for n in range(1, 1 << 22):
        out(batch(n, 0, 0, [entry(b"%08d" % n)] if entries else [], 0)
            + (attrs(n, 0) + data(n, 0, 0, b"hello") + file_end(n, 0, 5)
               if entries else b"") + batch_done(n))


P, L = "agent-protocol", "limit-exceeded"
KINDS = {
    "honest": ("", honest),
    "banner": (P, lambda: out(b"Welcome to files1, authorised users only\n")),
    "oversize": (P, lambda: (greet(), out(struct.pack("<IHH", 1 << 31, 67, 0)))),
    "negative": (P, lambda: (greet(), out(b"\xff\xff\xff\xff\x43\0\0\0"))),
    "unknown-type": (P, lambda: (greet(), out(frame(200, b"x")))),
    "vault-type": (P, lambda: (greet(), out(frame(2, b"x" * 20)))),
    "old-version": ("agent-version", lambda: greet(0)),
    "new-version": ("agent-version", lambda: greet(2)),
    "no-window": (P, lambda: greet(1, 0)),
    "second-hello": (P, lambda: (greet(), out(hello()))),
    "two-roots": (P, lambda: (greet(), out(batch(0, NO_PARENT, 0, [
        entry(b"", DIRECTORY, FOLLOWS), entry(b"", DIRECTORY, FOLLOWS)])))),
    "named-root": (P, lambda: (greet(), out(batch(0, NO_PARENT, 0, [
        entry(b"x", DIRECTORY, FOLLOWS)])))),
    "batch-number": (P, lambda: (greet(), out(root() + batch(2, 0, 0, [])))),
    "orphan": (P, lambda: (greet(), out(root() + batch(1, 5, 0, [])))),
    "unannounced": (P, lambda: (begin([entry(b"file")]),
                                out(batch(2, 1, 0, [])))),
    "past-the-last": (P, lambda: (begin([entry(b"a")]),
                                  out(batch(2, 0, 0, [entry(b"b")])))),
    "name-dot": (P, lambda: names(b".")),
    "name-dotdot": (P, lambda: names(b"..")),
    "name-empty": (P, lambda: names(b"")),
    "name-slash": (P, lambda: names(b"a/b")),
    "name-nul": (P, lambda: names(b"a\0b")),
    "twice": (P, lambda: names(b"a", b"a")),
    "unsorted": (P, lambda: names(b"b", b"a")),
    "unsorted-batches": (P, lambda: (begin([entry(b"b")], 0), out(
        batch(2, 0, 0, [entry(b"a")])))),
    "file-follows": (P, lambda: begin([entry(b"a", REGULAR, FOLLOWS)])),
    "bad-kind": (P, lambda: begin([entry(b"a", 9)])),
    "not-asked": (P, lambda: (greet(), out(root() + data(0, 0, 0, b"x")))),
    "other-entry": (P, lambda: one_file(data(1, 7, 0, b"x"))),
    "other-batch": (P, lambda: one_file(data(3, 0, 0, b"x"))),
    "gap": (P, lambda: one_file(data(1, 0, 3, b"x"))),
    "overlap": (P, lambda: one_file(data(1, 0, 0, b"xx")
                                    + data(1, 0, 1, b"x"))),
    "huge-hole": (P, lambda: one_file(hole(1, 0, 0, (1 << 64) - 1))),
    "hole-overflow": (P, lambda: one_file(hole(1, 0, 0, 1 << 62) * 3)),
    "wrong-size": (P, lambda: one_file(data(1, 0, 0, b"hello")
                                       + file_end(1, 0, 6))),
    "end-twice": (P, lambda: one_file(data(1, 0, 0, b"hello")
                                      + file_end(1, 0, 5) * 2)),
    "less": (P, lambda: one_file(batch_done(1))),
    "attrs-twice": (P, lambda: one_file(attrs(1, 0))),
    "attrs-unsorted": (P, lambda: (begin([entry(b"f")]), out(attrs(
        1, 0, struct.pack("<I", 2) + struct.pack("<HI", 6, 0) + b"user.b"
        + struct.pack("<HI", 6, 0) + b"user.a")))),
    "early-done": (P, lambda: (greet(), out(root() + done(1)))),
    "restart-forever": (P, restart_forever),
    "batch-of-nothing": (P, lambda: deaf(False)),
    "deaf": (L, lambda: deaf(True)),
    "deep": (L, deep),
    "wide": (L, wide),
    "alike": ("", alike),
    "owners": (L, owners),
    "whole": ("", lambda: cut_at(-1)),
    "links": ("", links),
    "truncated": ("agent-died", lambda: cut_at(
        int(os.environ.get("HOSTILE_AT", "9")))),
    "half-a-file": ("agent-died", half_a_file),
}

if sys.argv[1:] == ["list"]:
    for name, (refusal, _) in KINDS.items():
        print(name, refusal)
    sys.exit(0)
if sys.argv[1:2] == ["cuts"]:
    print(*cuts(int(sys.argv[2])))
    sys.exit(0)
try:
    KINDS[os.environ["HOSTILE"]][1]()
    # Stay until the vault has ended it, or a moment.
    os.close(1)
    while os.read(0, 65536):
        pass
except (BrokenPipeError, ConnectionResetError):
    pass
