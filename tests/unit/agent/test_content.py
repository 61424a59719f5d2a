#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Contents of files: what changes, vanishes or cannot be read meanwhile is
told and never waited for, and nothing is sent beyond the credit."""

import os
import subprocess
import time

import peer
from peer import ATTRS, CONTENT
from scratch import TRACED, Test, main, need_root, need_tool

KIB = 1 << 10
MIB = 1 << 20


class Content(Test):
    def one(self, name, **named):
        pull = self.pull(**named)
        return pull.entries()[os.fsencode(self.path(name))]

    def later(self, change, kind, times=1, at=1):
        """A pull during which change is called at the at-th frame of a kind,
        while the agent waits for credit."""
        calls = []

        class Pull(peer.Pull):
            def on_frame(self, frame, payload):
                if frame == kind:
                    calls.append(frame)
                    if at <= len(calls) < at + times:
                        change()

        return Pull

    def test_sizes(self):
        sizes = [0, 1, 4095, 4096, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1,
                 256 * KIB, 256 * KIB + 1, 3 * MIB + 7]
        for n in sizes:
            self.write("%d" % n, os.urandom(n))
        found = self.pull().entries()
        for n in sizes:
            path = self.path("%d" % n)
            with open(path, "rb") as f:
                self.assertEqual(found[os.fsencode(path)].content(), f.read())

    def test_zeros_among_holes(self):
        """In a file of holes what is sent are the blocks that are not zeros,
        whatever the kernel calls data: the same bytes are sent alike."""
        path = self.path("file")
        with open(path, "wb") as f:
            f.truncate(MIB + 100)
            for at, data in ((64 * KIB, bytes(200 * KIB)),
                             (100 * KIB + 5, b"x"),
                             (127 * KIB, b"y" * 2 * KIB),
                             (400 * KIB, b"z" * 5000),
                             (MIB - 4, bytes(50))):
                f.seek(at)
                f.write(data)
            os.posix_fallocate(f.fileno(), 600 * KIB, 64 * KIB)
            f.seek(640 * KIB)
            f.write(b"w")
        for window in (4 * MIB, 3 * 4096):
            e = self.one("file", window=window)
            blocks = {at // 4096 for data, begin, end in e.extents if data
                      for at in range(begin, end)}
            with open(path, "rb") as f:
                self.assertEqual(e.content(), f.read())
            self.assertEqual(blocks, {25, 31, 32, 100, 101, 160})
            self.assertEqual(e.end[:2], (0, MIB + 100))

    def test_shrinking_among_holes(self):
        path = self.path("file")
        with open(path, "wb") as f:
            f.truncate(MIB)
            f.write(b"x" * 300 * KIB)
        sizes = iter((200 * KIB, 100 * KIB + 1))
        e = self.one("file", window=64 * KIB + 16, kind=self.later(
            lambda: os.truncate(path, next(sizes, 100 * KIB + 1)), 70, 2))
        self.assertEqual(e.restarts, 1)
        self.assertEqual(e.end[1], 100 * KIB + 1)

    def test_growing_forever(self):
        """A file that grows with each frame is read to the size it had,
        again once, and called changed."""
        path = self.write("log", bytes(MIB))

        def grow():
            with open(path, "ab") as f:
                f.write(bytes(64 * KIB))

        e = self.one("log", kind=self.later(grow, 70, times=10**9),
                     window=64 * KIB + 16)
        self.assertEqual((e.restarts, e.end[0]), (1, 1))
        self.assertGreaterEqual(e.end[1], MIB)

    def test_changed_once(self):
        """What stands still when it is read again is whole."""
        path = self.write("file", b"a" * 300 * KIB)

        def change():
            with open(path, "r+b") as f:
                f.write(b"b")

        e = self.one("file", kind=self.later(change, 70),
                     window=64 * KIB + 16)
        self.assertEqual((e.restarts, e.end[0]), (1, 0))
        with open(path, "rb") as f:
            self.assertEqual(e.content(), f.read())
        self.assertEqual(e.end[2], os.stat(path).st_mtime_ns)

    def test_changed_and_set_back(self):
        """Nor does it pass for unchanged when its time is set back."""
        path = self.write("file", b"a" * 300 * KIB)
        times = os.stat(path)
        time.sleep(0.05)        # a kernel's clock may stand still for 10 ms

        def change():
            with open(path, "r+b") as f:
                f.write(b"b")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        e = self.one("file", kind=self.later(change, 70),
                     window=64 * KIB + 16)
        self.assertEqual((e.restarts, e.end[0]), (1, 0))
        self.assertEqual(e.content()[:2], b"ba")
        self.assertEqual(e.end[2], times.st_mtime_ns)

    def test_shrinking(self):
        path = self.write("file", bytes(MIB))
        sizes = iter((200 * KIB, 100 * KIB))
        e = self.one("file", window=64 * KIB + 16, kind=self.later(
            lambda: os.truncate(path, next(sizes, 100 * KIB)), 70, 2))
        self.assertEqual(e.restarts, 1)
        self.assertEqual(e.end[1], 100 * KIB)

    def test_large_is_not_read_again(self):
        path = self.path("large")
        with open(path, "wb") as f:
            f.truncate(64 * MIB)
            f.write(b"x" * MIB)
        e = self.one("large", window=64 * KIB + 16,
                     kind=self.later(lambda: os.utime(path), 70))
        self.assertEqual((e.restarts, e.end[0], e.end[1]), (0, 1, 64 * MIB))

    def replaced(self, change):
        self.write("file", b"old")

        class Pull(peer.Pull):
            def on_batch(self, number):
                if number == 1:
                    change()

        e = self.one("file", kind=Pull)
        self.assertEqual((e.end[0], e.end[1], e.content()), (2, 0, b""))
        return e.problems

    def test_vanished(self):
        path = self.path("file")
        self.assertEqual(self.replaced(lambda: os.unlink(path))[-1], (1, 2))

    def test_becomes_link(self):
        """A link put in its place is not followed."""
        path = self.path("file")

        def change():
            os.unlink(path)
            os.symlink("/etc/passwd", path)

        self.assertEqual(self.replaced(change), [(1, 40)])

    def test_becomes_fifo(self):
        """Nor does a FIFO in its place hold the agent up."""
        path = self.path("file")

        def change():
            os.unlink(path)
            os.mkfifo(path)

        self.assertEqual(self.replaced(change), [(1, 116)])

    def test_becomes_other_file(self):
        """Another's file must not come under this one's name and owner."""
        other = self.write("other", b"secret")
        path = self.path("file")

        def change():
            os.rename(path, self.path("away"))
            os.link(other, path)

        self.assertEqual(self.replaced(change), [(1, 116)])

    def test_becomes_other_link(self):
        """Nor where another link leads to."""
        path = self.path("link")
        os.symlink("here", path)

        class Pull(peer.Pull):
            def on_batch(self, number):
                if number == 1:
                    os.rename(path, path + ".away")
                    os.symlink("/etc/passwd", path)

        e = self.one("link", kind=Pull)
        self.assertEqual((e.link, e.problems), (None, [(6, 116)]))

    def test_folder_is_moved(self):
        """What is in a folder that has another name now was not removed."""
        for i in range(100):
            self.write("%03d/file" % i)
            os.symlink("x", self.path("%03d" % i, "link"))

        class Pull(peer.Pull):
            moved = False

            def on_batch(pull, number):
                if not pull.moved:
                    pull.moved = True
                    for i in range(100):
                        os.rename(self.path("%03d" % i),
                                  self.path("moved %03d" % i))

        found = self.pull(kind=Pull, hold=10000, command=(
            "/bin/sh", "-c", 'ulimit -n 24; exec "$@"', "sh")).entries()
        problems = [p for path, e in found.items() for p in e.problems
                    if os.path.basename(path) in (b"file", b"link")]
        self.assertEqual({err for _, err in problems}, {116})

    def test_attributes_of_another(self):
        """Nor the attributes of what has taken its name."""
        for kind, make in (("file", self.write), ("folder", os.mkdir)):
            other = self.path("other " + kind)
            make(self.path(kind))
            make(other)
            try:
                os.setxattr(other, "user.a", b"not of this one")
            except OSError:
                self.skipTest("no extended attributes here")

        class Pull(peer.Pull):
            def on_batch(pull, number):
                if number == 1:
                    for kind in ("file", "folder"):
                        os.rename(self.path("other " + kind),
                                  self.path(kind))

        found = self.pull(kind=Pull, wants=ATTRS).entries()
        for kind in ("file", "folder"):
            e = found[os.fsencode(self.path(kind))]
            self.assertEqual(e.attrs, {})
            self.assertIn((3, 116), e.problems)

    @need_root
    def test_attributes_of_another_device(self):
        """Nor of what has the same inode number on what is mounted there
        meanwhile: file systems in memory begin their numbers alike."""
        mount = """import os, subprocess
subprocess.run(["mount", "-t", "tmpfs", "none", {0!r}], check=True)
os.setxattr({0!r}, "trusted.a", {1!r})
print(os.stat({0!r}).st_ino)"""
        path = self.path("folder")
        os.mkdir(path)

        def run(*words, value):
            return subprocess.run(
                [*words, "/usr/bin/python3", "-c", mount.format(path, value)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        if run("unshare", "-m", value=b"1").returncode != 0:
            self.skipTest("cannot mount")

        class Pull(peer.Pull):
            def on_batch(pull, number):
                if number == 1:
                    pull.ino = run("nsenter", "-m", "-r", "-t",
                                   str(pull.agent.child.pid),
                                   value=b"not of this one").stdout

        pull = self.pull(kind=Pull, wants=ATTRS, options=peer.CROSS, command=[
            "unshare", "-m", "sh", "-c",
            "mount -t tmpfs none %s && exec \"$0\"" % path])
        e = pull.entries()[os.fsencode(path)]
        self.assertEqual(int(pull.ino), e.ino)
        self.assertEqual(e.attrs, {})
        self.assertIn((3, 116), e.problems)

    def test_not_opened(self):
        """FIFOs, sockets and the like have no content to ask for."""
        os.mkfifo(self.path("fifo"))
        e = self.one("fifo")
        self.assertEqual((e.attrs, e.end, e.problems), ({}, None, []))

    def test_only_attributes(self):
        """A file whose attributes alone are wanted is not opened."""
        path = self.write("file")
        try:
            os.setxattr(path, "user.a", b"1")
        except OSError:
            self.skipTest("no extended attributes here")
        os.chmod(path, 0)
        e = self.one("file", wants=ATTRS)
        self.assertEqual((e.attrs, e.end), ({b"user.a": b"1"}, None))

    def test_proc(self):
        """Files that claim no size are read to their end."""
        pull = self.pull("/proc/self/task", "/proc/kmsg", "/proc/version",
                         "/proc/kpagecount")
        version, pages = pull.batches[0][2], pull.batches[0][3]
        with open("/proc/version", "rb") as f:
            self.assertEqual(version.content(), f.read())
        self.assertEqual(version.end[0], 0)
        if pages.end[1] >= 16 << 20:    # a bound, and said
            self.assertEqual(pages.end[0], 2)
            self.assertEqual(len(pages.problems), 1)

    @need_tool("strace")
    def test_read_error(self):
        path = self.write("file", bytes(MIB))
        pull = self.pull(command=["strace", "-qq", "-o", "/dev/null", "-P",
                                  path, "-e", "trace=pread64", "-e",
                                  "inject=pread64:error=EIO:when=3"], env=TRACED)
        e = pull.entries()[os.fsencode(self.path("file"))]
        self.assertEqual(e.problems, [(2, 5)])
        self.assertEqual(e.end[:2], (2, 256 * KIB))

    @need_tool("strace")
    def test_read_error_among_holes(self):
        """What was read before it is sent."""
        path = self.path("file")
        with open(path, "wb") as f:
            f.truncate(2 * MIB)
            f.seek(MIB)
            f.write(b"x" * MIB)
            f.truncate(3 * MIB)
        pull = self.pull(command=["strace", "-qq", "-o", "/dev/null", "-P",
                                  path, "-e", "trace=pread64", "-e",
                                  "inject=pread64:error=EIO:when=3"], env=TRACED)
        e = pull.entries()[os.fsencode(path)]
        self.assertEqual(e.problems, [(2, 5)])
        self.assertEqual(e.end[:2], (2, MIB + 256 * KIB))

    def test_credit(self):
        """With a window far below one piece everything arrives, and the
        agent lists on while it waits."""
        blob = os.urandom(700 * KIB)
        self.write("a/file", blob)
        for i in range(20):
            self.write("b/%d/file" % i, b"%d" % i)
        pull = self.pull(window=3 * 4096)
        e = pull.entries()[os.fsencode(self.path("a/file"))]
        self.assertEqual(e.content(), blob)

    def test_no_credit(self):
        """Without credit no payload comes, but the list does."""
        self.write("file", b"x" * 100)
        agent = self.spawn()
        agent.send(peer.hello() + peer.start([self.dir], credit=0))
        kinds = [agent.next()[0]]
        while kinds.count(67) < 2:
            kinds.append(agent.next()[0])
        agent.send(peer.want(0, [0]) + peer.want(1, [CONTENT]))
        self.assertEqual(agent.next()[0], 76)
        self.assertTrue(agent.quiet(0.3))
        agent.send(peer.credit(115))
        self.assertTrue(agent.quiet(0.3))
        agent.send(peer.credit(1))
        self.assertEqual([agent.next()[0] for _ in range(4)],
                         [70, 72, 76, 75])

    def test_many_attributes(self):
        path = self.write("file")
        try:
            for i in range(40):
                os.setxattr(path, "user.%d" % i, b"v" * (i * 40))
        except OSError:
            pass
        names = os.listxattr(path)
        if not names:
            self.skipTest("no extended attributes here")
        e = self.one("file")
        self.assertEqual(e.attrs, {os.fsencode(n): os.getxattr(path, n)
                                   for n in names})

    def test_attributes_beyond_the_limit(self):
        """Values of 64 KiB: 15 of them come, 17 are told of."""
        base = "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"
        path = os.path.join(base, "agent-attributes.%d" % os.getpid())
        with open(path, "wb"):
            pass
        self.addCleanup(os.unlink, path)
        try:
            for i in range(15):
                os.setxattr(path, "trusted.%02d" % i, b"v" * 65536)
        except OSError:
            self.skipTest("no large attributes here")
        e = self.pull(path).batches[0][0]
        self.assertEqual((len(e.attrs), e.problems), (15, []))
        for i in range(15, 17):
            os.setxattr(path, "trusted.%02d" % i, b"v" * 65536)
        e = self.pull(path).batches[0][0]
        self.assertEqual((e.attrs, e.problems), ({}, [(8, 7)]))


if __name__ == "__main__":
    main()
