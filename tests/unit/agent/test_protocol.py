#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A vault that breaks the protocol is refused in one line; the agent never
writes to the source; and it ends when it should."""

import os
import pty
import re
import struct
import subprocess
import time

import peer
from peer import CONTENT, frame, hello, start, want
from scratch import AGENT, TRACED, Test, main, need_tool


class Refused(Test):
    def refuse(self, data, match):
        agent = self.spawn()
        try:
            agent.send(data)
        except (BrokenPipeError, peer.Ended):
            pass
        status, err = self.ended(agent)
        self.assertEqual(status, 1, err)
        self.assertRegex(err.decode(),
                         r"\Amuniment-agent: [^\n]*%s[^\n]*\n\Z" % match)

    def ended(self, agent):
        """Without closing its input: it ends by itself."""
        while agent.fill():
            pass
        return agent.child.wait(20), agent.child.stderr.read()

    def listing(self):
        return hello() + start([self.dir])

    def test_garbage(self):
        self.refuse(b"GET / HTTP/1.1\r\n\r\n", "unknown frame")
        self.refuse(os.urandom(3) + b"\xff" * 5, "unknown frame")

    def test_greeting(self):
        self.refuse(frame(1, b"MUNIWIRX" + bytes(8)), "greeting")
        self.refuse(frame(1, b"MUNIWIRE" + struct.pack("<HHI", 2, 0, 0)),
                    "another protocol")
        self.refuse(hello() + hello(), "out of turn")
        self.refuse(start([self.dir]), "out of turn")
        self.refuse(hello() + want(0, [0]), "out of turn")
        self.refuse(hello() + peer.STOP, "out of turn")
        self.refuse(self.listing() + start([self.dir]), "out of turn")

    def test_start(self):
        for bad in (start([]), start(["relative"]), start([b"/a\0b"]),
                    start([self.dir], options=4), start([""]),
                    start(["/" + "a" * 5000]),
                    start([self.dir])[:-1] + b"",
                    frame(2, start([self.dir])[8:] + b"x"),
                    frame(2, start([self.dir])[8:-1])):
            if len(bad) - 8 != struct.unpack("<I", bad[:4])[0]:
                continue
            self.refuse(hello() + bad, "START|unknown frame")

    def test_sizes(self):
        self.refuse(struct.pack("<IHH", 0xFFFFFFFF, 2, 0), "unknown frame")
        self.refuse(hello() + struct.pack("<IHH", (1 << 20) + 1, 2, 0),
                    "unknown frame")
        self.refuse(self.listing() + struct.pack("<IHH", 9, 4, 0) + bytes(9),
                    "unknown frame")
        self.refuse(self.listing() + struct.pack("<IHH", 8, 4, 1) + bytes(8),
                    "unknown frame")

    def test_types(self):
        for kind in (0, 6, 16, 32, 65, 67, 75, 80, 65535):
            self.refuse(self.listing() + frame(kind), "unknown frame")

    def test_want(self):
        # Batch 0 is open once it was sent; the agent lists it at START.
        agent = self.spawn()
        agent.send(self.listing())
        while agent.next()[0] != 67:
            pass
        for data, match in ((want(7, [0]), "not open"),
                            (want(0xFFFFFFFF, [0]), "not open"),
                            (want(0, [0, 0]), "number of entries"),
                            (want(0, []), "number of entries"),
                            (want(0, [4]), "WANT"),
                            (want(0, [0]) * 2, "not open"),
                            (want(0, [0] * 1025), "frame|WANT")):
            agent = self.spawn()
            agent.send(self.listing())
            while agent.next()[0] != 67:
                pass
            agent.send(data)
            status, err = self.ended(agent)
            self.assertEqual(status, 1)
            self.assertRegex(err.decode(), match)

    def test_credit(self):
        self.refuse(self.listing() + peer.credit((1 << 64) - 1), "CREDIT")

    def test_truncated(self):
        """Cut anywhere: quiet, and no hanging."""
        whole = self.listing() + want(0, [3])
        for n in range(0, len(whole), 3):
            agent = self.spawn()
            agent.send(whole[:n])
            status, err = agent.wait()
            self.assertEqual((status, err), (1, b""))


class Ends(Test):
    def test_stop(self):
        """The file it is at is finished, then DONE comes."""
        for i in range(50):
            self.write("%02d/file" % i, b"x" * 300000)

        class Pull(peer.Pull):
            def on_frame(self, kind, payload):
                if kind == 70 and not self.stopped:
                    self.stopped = True
                    self.agent.send(peer.STOP)

        pull = self.pull(kind=Pull, window=100000)
        ends = [e.end for e in pull.entries().values() if e.end]
        self.assertEqual([(f, n) for f, n, _, _ in ends], [(0, 300000)])

    def test_vault_gone(self):
        """Quietly, also with output that nobody takes."""
        self.write("file", bytes(4 << 20))
        agent = self.spawn()
        agent.send(hello() + start([self.dir]) + b"")
        while agent.next()[0] != 67:
            pass
        agent.send(want(0, [0]))
        while agent.next()[0] != 67:
            pass
        agent.send(want(1, [CONTENT]))
        time.sleep(0.2)
        agent.child.stdout.close()
        agent.child.stdin.close()
        self.assertEqual(agent.child.wait(20), 1)
        self.assertEqual(agent.child.stderr.read(), b"")

    def run_agent(self, *args, **named):
        return subprocess.run([AGENT, *args], capture_output=True,
                              timeout=20, **named)

    def test_options(self):
        done = self.run_agent("--version")
        self.assertRegex(done.stdout, rb"\Amuniment-agent [0-9.]+\n\Z")
        done = self.run_agent("--help")
        self.assertIn(b"authorized_keys", done.stdout)
        self.assertEqual(done.returncode, 0)
        done = self.run_agent("--write")
        self.assertEqual((done.returncode, done.stdout), (2, b""))

    def test_terminal(self):
        master, slave = pty.openpty()
        done = subprocess.run([AGENT], stdin=slave, stdout=slave,
                              stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"started by a vault", done.stderr)
        os.close(master)
        os.close(slave)

    def test_socket(self):
        """One socket for both ways, as when it is started locally."""
        import socket
        self.write("file", b"content")
        ours, theirs = socket.socketpair()
        child = subprocess.Popen([AGENT], stdin=theirs, stdout=theirs)
        theirs.close()
        ours.sendall(hello() + start([self.dir]))
        ours.settimeout(20)
        data = b""
        while data.count(b"file") == 0:
            data += ours.recv(1 << 16)
        ours.sendall(want(0, [0]) + want(1, [CONTENT]))
        while True:
            got = ours.recv(1 << 16)
            if not got:
                break
            data += got
        self.assertIn(b"content", data)
        self.assertTrue(data.endswith(frame(75, struct.pack("<Q", 2))))
        self.assertEqual(child.wait(20), 0)
        ours.close()


class ReadOnly(Test):
    @need_tool("strace")
    def test_never_writes(self):
        """No call opens anything for writing or changes a name, but for
        /dev/null in the children that ask for owners' names."""
        for i in range(20):
            self.write("d%d/file" % i, bytes(i * 10000))
        os.symlink("x", self.path("link"))
        os.mkfifo(self.path("fifo"))
        trace = self.path("..", "trace.%d" % os.getpid())
        self.addCleanup(os.unlink, trace)
        # Not the children: getent is no part of the agent.
        self.pull(command=["strace", "-qq", "-o", trace, "-e",
                           "trace=file,desc,network"],
                  env=TRACED,
                  options=peer.SKIP_CACHEDIRS)
        with open(trace, encoding="latin-1") as f:
            lines = f.read().splitlines()
        names = {re.match(r"[a-z0-9_]+", s)[0] for s in lines
                 if re.match(r"[a-z0-9_]+\(", s)}
        self.assertEqual(names & {
            "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2",
            "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat",
            "mknod", "mknodat", "truncate", "ftruncate", "chmod", "fchmod",
            "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime",
            "utimes", "utimensat", "futimesat", "setxattr", "lsetxattr",
            "fsetxattr", "removexattr", "pwrite64", "pwritev", "fallocate",
            "socket", "connect", "bind"}, set())
        self.assertIn("openat", names)
        for line in lines:
            if not line.startswith("fcntl("):
                self.assertNotRegex(line, r"O_WRONLY|O_RDWR|O_CREAT")
            if line.startswith(("write(", "writev(")):
                self.assertTrue(line.startswith("write(1,"), line)


if __name__ == "__main__":
    main()
