# SPDX-License-Identifier: Apache-2.0
"""A golden store, taken out of its archive."""

import json
import os
import re
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
for neighbour in ("walls", "reader"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), neighbour))


def numbers():
    """Of all golden stores that there are."""
    found = [re.fullmatch(r"store-(\d+)\.tar\.xz", name)
             for name in os.listdir(HERE)]
    return sorted(int(m[1]) for m in found if m)


class Golden:
    def __init__(self, number, scratch):
        self.scratch = scratch
        with open(os.path.join(HERE, f"expected-{number}.json"),
                  encoding="ascii") as f:
            self.expected = json.load(f)
        os.mkdir(scratch)
        with tarfile.open(os.path.join(
                HERE, f"store-{number}.tar.xz")) as tar:
            tar.extractall(scratch)
        self.folder = self.path("store")
        self.pass_file = self.path("passphrase")
        # Those like the last have only an id of their own.
        self.snapshots = self.expected["snapshots"] + [
            {"id": name} for name in self.expected["like the last"]]

    def path(self, name):
        return os.path.join(self.scratch, name)

    def file(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    # The second reader is imported late: with another page it is another.

    def open(self):
        from store import Store
        return Store(self.folder, self.file("passphrase"))

    def list(self, name):
        return [json.loads(line) for line in
                self.file("lists/" + name).splitlines()]

    def cache(self, name):
        """Keys and values of a database."""
        return [tuple(bytes.fromhex(part) for part in line.decode().split())
                for line in self.file(name).splitlines()]

    def said(self, snapshot):
        """What the agent said of a snapshot, if that was kept."""
        import wire
        for one in self.expected["snapshots"]:
            if one["id"] == snapshot and one["said"]:
                return wire.Talk(*(self.file(f"said/{one['said']}-{side}")
                                   for side in ("vault", "agent"))).listed()
        return None
