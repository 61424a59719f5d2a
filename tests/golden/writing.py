# SPDX-License-Identifier: Apache-2.0
"""A store of planted sources, secrets, random numbers and times, written by
the programs of a build folder."""

import json
import os
import pickle
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for neighbour in ("walls", "reader"):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), neighbour))

import plan  # noqa: E402
import wall  # noqa: E402
from formulas import run, siphash  # noqa: E402
from keys import Conf, Vault, derived  # noqa: E402
from store import Store  # noqa: E402
import page  # noqa: E402

PASSPHRASE = b"a golden passphrase, planted"
DAY = 86400 * 10 ** 9
BEGAN = 2000000000 * 10 ** 9 + 123456789
BEFORE = 2000000100 * 10 ** 9 + 999999999
DURATION = 77
sys.setrecursionlimit(100000)


class Keys:
    """What the planted sources must know to meet rare cases."""

    def __init__(self, folder):
        def file(name):
            with open(os.path.join(folder, name), "rb") as f:
                return f.read()
        self.vault = Vault(file("keys/vault"), Conf(file("store.conf")).store)
        secret = self.vault.secrets[1]
        self.id_key = derived("id key", compartment_secret=secret)
        self.page_key = derived("page key", compartment_secret=secret)

    def id_first(self, chunk):
        """The first u32 of the id of a chunk."""
        name = run(page.section("7").formula("Id"), {
            "id key": self.id_key, "type": plan.CHUNK,
            "number of references": 0, "the referenced ids": b"",
            "content": chunk})
        return int.from_bytes(name[:4], "little")

    def link_group(self, source, device, inode):
        key = derived("link key of a source", source_name=source.encode(),
                      compartment_secret=self.vault.secrets[1])
        return run(page.section("7.2").formula("Link group"), {
            "link key": key, "path number": 0, "device": device,
            "inode": inode})

    def page_hash(self, name):
        return siphash(self.page_key, name)


class Writer:
    """Runs the programs, each with a seed of its own."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.pass_file = os.path.join(scratch, "passphrase")
        with open(self.pass_file, "wb") as f:
            f.write(PASSPHRASE + b"\n")
        self.store = wall.Store(build, os.path.join(scratch, "store"),
                                self.pass_file)
        self.seed = 0
        # What stands in for ssh is the agent itself.
        os.mkdir(os.path.join(scratch, "bin"))
        os.symlink(os.path.join(HERE, "agent.py"),
                   os.path.join(scratch, "bin", "ssh"))

    def env(self, time, **more):
        self.seed += 1
        path = os.path.join(self.scratch, "bin")
        return self.store.env(
            PATH=path + ":" + os.environ["PATH"],
            LD_PRELOAD=os.path.join(self.build, "tests/golden/plant.so"),
            PLANT_SEED=str(self.seed), PLANT_TIME=str(time),
            PLANT_DURATION=str(DURATION), PYTHONDONTWRITEBYTECODE="1",
            **more)

    def make(self):
        subprocess.run([os.path.join(self.build, "tests/walls/mkstore"),
                        self.store.path, self.pass_file], check=True,
                       env=self.env(BEGAN))
        return Keys(self.store.path)

    def pull(self, source, root, time, *words, status=0, record="",
             dies=""):
        """A pull of a planted source; records of what was said are kept."""
        tree = os.path.join(self.scratch, "tree")
        with open(tree, "wb") as f:
            pickle.dump(root, f)
        ran = self.store.pull(
            source, f"anna@{source}.example:/planted", *words, env=self.env(
                time, PLANT_TREE=tree, PLANT_DIES=dies,
                PLANT_RECORD=os.path.join(self.scratch,
                                          record or "said")))
        if ran.status != status:
            raise SystemExit(str(ran))
        return json.loads(ran.out) if ran.status != 1 else None

    def ended(self, cause, time):
        """The last pull ended without a snapshot."""
        store = Store(self.store.path, PASSPHRASE)
        pull = store.ledger.of("pull open")[-1].number
        subprocess.run([os.path.join(self.build, "tests/golden/ended"),
                        self.store.path, str(pull), cause], check=True,
                       env=self.env(time))

    def path(self, *parts):
        return os.path.join(self.store.path, *parts)

    def crash(self):
        """What a crash may leave: a torn frame behind the last leaf."""
        with open(self.path("ledger/leaves-00000000"), "ab") as f:
            f.write(b"MLLF" + plan.noise("torn", 44))
