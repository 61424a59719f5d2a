# SPDX-License-Identifier: Apache-2.0
"""The vault's side of docs/format.md section 10, written from that page.

It checks what the page promises of every frame (Broken is raised) and keeps
what came, for the tests to compare with the source.
"""

import os
import select
import struct
import subprocess

MIB = 1 << 20
REGULAR, DIRECTORY, SYMLINK, FIFO, SOCKET, CHAR, BLOCK = range(1, 8)
FOLLOWS, OTHER_DEVICE, CACHEDIR, UNEXAMINED = 1, 2, 4, 8
CONTENT, ATTRS = 1, 2
CROSS, SKIP_CACHEDIRS = 1, 2
NO_PARENT = 0xFFFFFFFF
CHARGED = (68, 69, 70, 71)


class Broken(Exception):
    """The agent did what the page does not allow."""


class Ended(Exception):
    """The agent closed its side."""


def need(true, what):
    if not true:
        raise Broken(what)


def frame(kind, payload=b""):
    return struct.pack("<IHH", len(payload), kind, 0) + payload


def hello():
    return frame(1, b"MUNIWIRE" + struct.pack("<HHI", 1, 0, 0))


def start(paths, excludes=(), options=0, credit=1 << 40):
    strings = b"".join(struct.pack("<H", len(os.fsencode(s)))
                       + os.fsencode(s) for s in [*paths, *excludes])
    return frame(2, struct.pack("<HHHHQ", len(paths), len(excludes), options,
                                0, credit) + strings)


def want(batch, wants):
    return frame(3, struct.pack("<IHH", batch, len(wants), 0) + bytes(wants))


def credit(n):
    return frame(4, struct.pack("<Q", n))


STOP = frame(5)


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, fmt):
        size = struct.calcsize("<" + fmt)
        need(self.at + size <= len(self.data), "payload too short")
        values = struct.unpack_from("<" + fmt, self.data, self.at)
        self.at += size
        return values if len(values) > 1 else values[0]

    def bytes(self, n):
        need(self.at + n <= len(self.data), "payload too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def rest(self):
        return self.bytes(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), "bytes left over in payload")


class Entry:
    """One listed inode and all that was told of it."""

    def __init__(self, c):
        self.name = c.bytes(c.take("B"))
        (self.kind, self.flags, self.mode, self.uid, self.gid, self.size,
         ms, mn, cs, cn, self.ino, self.dev, self.links, self.major,
         self.minor) = c.take("BBHIIQqIqIQQIII")
        need(mn < 10**9 and cn < 10**9, "nanoseconds")
        self.mtime, self.ctime = ms * 10**9 + mn, cs * 10**9 + cn
        need(self.kind <= 7 and self.mode <= 0o7777, "kind or mode")
        need(self.kind > 0 or self.flags & UNEXAMINED, "kind 0")
        need(self.flags < 16, "flags of an entry")
        need(not self.flags & FOLLOWS or self.kind == DIRECTORY,
             "flag 1 and no directory")
        self.attrs = self.link = self.end = self.path = None
        self.extents = []       # (is data, start, end)
        self.data = []          # bytes of the data frames
        self.restarts = 0
        self.problems = []
        self.offset = 0
        self.wanted = 0
        self.unread = False     # a directory not read to its end

    def content(self):
        return b"".join(d if d is not None else bytes(n)
                        for d, n in self.data)


def parse_attrs(c):
    found, last = {}, None
    for _ in range(c.take("I")):
        name_n, value_n = c.take("HI")
        name = c.bytes(name_n)
        need(0 < name_n < 256 and b"\0" not in name, "name of attribute")
        need(last is None or last < name, "attributes not sorted")
        last = name
        found[name] = c.bytes(value_n)
    c.end()
    return found


class Agent:
    """A running agent; used in a with statement."""

    def __init__(self, program, command=(), env=None):
        self.child = subprocess.Popen(
            [*command, program], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=env)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            pipe.close()
        self.child.wait()

    def send(self, data):
        """Also reads meanwhile, like any peer that must not deadlock."""
        view = memoryview(data)
        os.set_blocking(self.child.stdin.fileno(), False)
        while len(view) > 0:
            ready = select.select([self.child.stdout], [self.child.stdin],
                                  [], 30)
            need(ready[0] or ready[1], "the agent hangs")
            if ready[1]:
                view = view[os.write(self.child.stdin.fileno(), view):]
            elif not self.fill():
                raise Ended()

    def fill(self):
        got = os.read(self.child.stdout.fileno(), MIB)
        self.buffer += got
        return len(got) > 0

    def quiet(self, seconds):
        """True if nothing comes for so long."""
        return not self.buffer and not select.select(
            [self.child.stdout], [], [], seconds)[0]

    def next(self, timeout=60):
        """The next frame: its type and payload."""
        while True:
            if len(self.buffer) >= 8:
                n, kind, zero = struct.unpack_from("<IHH", self.buffer)
                need(zero == 0 and n <= MIB, "head of a frame")
                if len(self.buffer) >= 8 + n:
                    payload = bytes(self.buffer[8:8 + n])
                    del self.buffer[:8 + n]
                    return kind, payload
            need(select.select([self.child.stdout], [], [], timeout)[0],
                 "the agent hangs")
            if not self.fill():
                need(len(self.buffer) == 0, "half a frame at the end")
                raise Ended()

    def wait(self):
        """Exit status and what was written to standard error."""
        self.child.stdin.close()
        while self.fill():
            pass
        err = self.child.stderr.read()
        return self.child.wait(), err


class Pull:
    """A whole pull with its checks. Override the on_ methods to interfere."""

    def __init__(self, agent, paths, excludes=(), options=0,
                 window=64 * MIB, wants=CONTENT | ATTRS, hold=0):
        self.agent, self.paths = agent, [os.fsencode(p) for p in paths]
        self.wants, self.window, self.hold = wants, window, hold
        self.credit = window
        self.unreturned = 0
        self.batches = {}       # number -> list of entries
        self.dirs = {}          # (batch, entry) -> last name
        self.open = []          # (parent, entry): whose batches come next
        self.unanswered = []
        self.answered = set()
        self.most_unanswered = 0
        self.owners = {}
        self.done = None
        self.stopped = False
        self.frames = {}
        self.returning = True
        agent.send(hello() + start(paths, excludes, options, window))
        kind, payload = agent.next()
        need(kind == 65, "no HELLO first")
        c = Cursor(payload)
        need(c.bytes(8) == b"MUNIWIRE", "magic")
        version, zero, self.ahead, self.clock = c.take("HHIq")
        c.end()
        need((version, zero) == (1, 0) and 1 <= self.ahead <= 256, "HELLO")

    def on_batch(self, number):
        """Called before the batch is answered."""

    def on_frame(self, kind, payload):
        pass

    def choose(self, entry):
        return self.wants

    def run(self):
        handlers = {66: self.owner, 67: self.batch, 68: self.attrs,
                    69: self.link, 70: self.data, 71: self.hole,
                    72: self.file_end, 73: self.restart, 74: self.problem,
                    75: self.finish, 76: self.batch_done}
        while self.done is None:
            while len(self.unanswered) > self.hold:
                self.answer(self.unanswered.pop(0))
            if self.hold and self.agent.quiet(0.2):
                self.hold = 0
                continue
            kind, payload = self.agent.next()
            need(kind in handlers, "frame %d" % kind)
            self.frames[kind] = self.frames.get(kind, 0) + 1
            if kind in CHARGED:
                need(len(payload) <= self.credit, "beyond the credit")
                self.credit -= len(payload)
                self.unreturned += len(payload)
            c = Cursor(payload)
            handlers[kind](c)
            c.end()
            self.on_frame(kind, payload)
            if self.returning and self.unreturned * 2 >= self.window:
                self.give_back()
        need(self.agent.child.wait() == 0, "status after DONE")
        return self

    def give_back(self):
        if self.unreturned:
            try:
                self.agent.send(credit(self.unreturned))
            except (BrokenPipeError, Ended):
                pass            # DONE is on its way
            self.credit += self.unreturned
            self.unreturned = 0

    def answer(self, number):
        self.on_batch(number)
        entries = self.batches[number]
        for e in entries:
            e.wanted = self.choose(e)
        self.answered.add(number)
        self.agent.send(want(number, [e.wanted for e in entries]))

    def owner(self, c):
        kind, number, n = c.take("BIB")
        need(kind in (1, 2) and n > 0, "OWNER")
        need((kind, number) not in self.owners, "OWNER twice")
        self.owners[kind, number] = c.bytes(n)
        need(all(number != (e.uid if kind == 1 else e.gid)
                 or e.flags & UNEXAMINED
                 for b in self.batches.values() for e in b),
             "OWNER after its use")

    def batch(self, c):
        number, parent, entry, flags, n, zero = c.take("IIHHHH")
        need(number == len(self.batches) and zero == 0, "number of batch")
        need(n <= 1024 and flags < 4, "BATCH")
        entries = [Entry(c) for _ in range(n)]
        self.batches[number] = entries
        if number == 0:
            need((parent, entry, flags) == (NO_PARENT, 0, 1), "batch 0")
            need(n == len(self.paths), "number of roots")
            for e, path in zip(entries, self.paths):
                need(e.name == b"", "name of a root")
                e.path = path
        else:
            need(self.open and self.open.pop() == (parent, entry),
                 "batch %d is out of order" % number)
            self.names(self.batches[parent][entry], (parent, entry), entries)
            self.batches[parent][entry].unread |= bool(flags & 2)
        if not flags & 1:
            self.open.append((parent, entry))
        for i in reversed(range(n)):
            if entries[i].flags & FOLLOWS:
                self.open.append((number, i))
        self.unanswered.append(number)
        waiting = len(self.unanswered)
        self.most_unanswered = max(self.most_unanswered, waiting)
        need(waiting <= self.ahead, "too far ahead")

    def names(self, parent, key, entries):
        last = self.dirs.get(key, b"")
        for e in entries:
            need(last < e.name, "names do not ascend")
            need(b"/" not in e.name and b"\0" not in e.name
                 and e.name not in (b"", b".", b".."), "bad name")
            last = e.name
            e.path = parent.path.rstrip(b"/") + b"/" + e.name
        self.dirs[key] = last

    def at(self, c, zero=True):
        batch, entry = c.take("IH")
        if zero:
            need(c.take("H") == 0, "zero")
        need(batch in self.answered, "frame about batch %d" % batch)
        return self.batches[batch][entry]

    def attrs(self, c):
        e = self.at(c)
        need(e.attrs is None and e.wanted & ATTRS, "ATTRS")
        need(not e.data and e.end is None and e.link is None, "ATTRS late")
        e.attrs = parse_attrs(c)

    def link(self, c):
        e = self.at(c)
        need(e.kind == SYMLINK and e.wanted & CONTENT and e.link is None,
             "LINK")
        e.link = c.rest()
        need(0 < len(e.link) < 4096, "length of a target")

    def extent(self, e, offset, n, data):
        need(e.kind == REGULAR and e.wanted & CONTENT and e.end is None,
             "content")
        need(offset == e.offset and n > 0, "gap or overlap")
        e.extents.append((data is not None, offset, offset + n))
        e.data.append((data, n))
        e.offset += n

    def data(self, c):
        e = self.at(c)
        offset = c.take("Q")
        data = c.rest()
        need(len(data) <= 256 << 10, "length of DATA")
        self.extent(e, offset, len(data), data)

    def hole(self, c):
        e = self.at(c)
        offset, n = c.take("QQ")
        self.extent(e, offset, n, None)

    def file_end(self, c):
        e = self.at(c, zero=False)
        need(e.wanted & CONTENT and e.kind == REGULAR and not e.end,
             "FILE_END")
        flags, size, ms, mn, cs, cn = c.take("HQqIqI")
        need(size == e.offset and flags < 4, "FILE_END")
        e.end = (flags, size, ms * 10**9 + mn, cs * 10**9 + cn)

    def restart(self, c):
        e = self.at(c)
        need(e.kind == REGULAR and e.end is None, "RESTART")
        e.restarts += 1
        e.offset, e.extents, e.data = 0, [], []

    def problem(self, c):
        batch, entry, reason, err = c.take("IHHI")
        need(1 <= reason <= 8 and batch in self.batches, "PROBLEM")
        self.batches[batch][entry].problems.append((reason, err))

    def finish(self, c):
        self.done = c.take("Q")
        need(self.done == len(self.batches), "DONE")
        if not self.stopped:
            need(not self.open and not self.unanswered
                 and not self.answered, "DONE too early")

    def batch_done(self, c):
        number = c.take("I")
        need(number in self.answered, "BATCH_DONE")
        self.answered.remove(number)
        for e in self.batches[number]:
            need(not e.wanted & ATTRS or e.attrs is not None, "no ATTRS")
            if e.wanted & CONTENT and e.kind == REGULAR:
                need(e.end is not None, "no FILE_END")
            if e.wanted & CONTENT and e.kind == SYMLINK:
                need(e.link is not None or e.problems, "no LINK")

    def entries(self):
        """All entries by path, roots included."""
        return {e.path: e for b in self.batches.values() for e in b}


def merged(extents):
    """Neighbouring extents of one kind made one."""
    out = []
    for data, begin, end in extents:
        if out and out[-1][0] == data:
            out[-1] = (data, out[-1][1], end)
        else:
            out.append((data, begin, end))
    return out
