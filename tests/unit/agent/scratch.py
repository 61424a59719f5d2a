# SPDX-License-Identifier: Apache-2.0
"""What the tests of the agent share: its path, scratch folders, helpers."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import peer

AGENT = os.environ["MUNIMENT_AGENT"]
LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "..", "..", "lib")
ROOT = os.geteuid() == 0
# The leak check of a sanitized agent cannot run below strace.
TRACED = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


class Test(unittest.TestCase):
    # A file system in memory, for trees that take a disk minutes.
    in_memory = False

    def setUp(self):
        where = "/dev/shm" if self.in_memory else None
        if where and not os.access(where, os.W_OK):
            where = None
        self.dir = tempfile.mkdtemp(prefix="agent.", dir=where)
        self.agent = None
        self.addCleanup(subprocess.run, ["rm", "-rf", "--", self.dir])

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, data=b"x", mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return path

    def spawn(self, *command, env=None):
        agent = peer.Agent(AGENT, command, env)
        self.addCleanup(agent.__exit__)
        return agent

    def pull(self, *paths, kind=peer.Pull, command=(), env=None, **named):
        agent = self.spawn(*command, env=env)
        return kind(agent, paths or [self.dir], **named).run()

    def listed(self, pull):
        """Paths below the scratch folder, in the order they came."""
        base = os.fsencode(self.dir) + b"/"
        return [p[len(base):].decode() for p in pull.entries()
                if p.startswith(base)]


def need_root(test):
    return unittest.skipUnless(ROOT, "needs root")(test)


def need_tool(name):
    return unittest.skipUnless(shutil.which(name), "needs " + name)


def main():
    unittest.main(module="__main__", argv=sys.argv, verbosity=2)
