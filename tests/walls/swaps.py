#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wall: files of a small store that are cut, grown, lost, exchanged, put back
from before, taken from another store, replaced by what is no file, or forged
with the vault's own keys.

Each time `verify` ends with 1 and names what was done (or the README and
format.md say that it cannot, which is then the expectation); `ls` and
`restore` give what was there, or refuse by name and leave no wrong byte;
nothing hangs, and a pull ends as well as it can: what it commits reads as its
source, or is refused."""

import hashlib
import itertools
import os
import re
import shutil
import socket
import struct
import subprocess

import small
import wall

CODE = re.compile(rb"\[([a-z-]+)\]\n?\Z")

CONF = "store.conf"
LEAVES = "ledger/leaves-00000000"
TILES = "ledger/hash-0"
CHECKPOINT = "ledger/checkpoint"
VAULT = "keys/vault"
SLICE = 65536

# What reading says to each lie that forge can seal, and whether the keyless
# scrub sees it too.
LIES = {
    "bytes": ("object-damaged", False),
    "ids": ("object-damaged", False),
    "type": ("object-damaged", False),
    "length": ("object-damaged", False),
    "reference": ("object-damaged", False),
    "reference-row": ("object-damaged", False),
    # That there is no such object, or no such pack for this snapshot.
    "reference-ordinal": ("object-", False),
    "moved": ("pack-damaged", False),
    "refs": ("pack-damaged", False),
    "table": ("pack-damaged", False),
    "map": ("pack-damaged", False),
    "map-tag": ("pack-damaged", False),
    "trailer-tag": ("pack-damaged", False),
    "codec": ("pack-damaged", False),
    "epoch-unknown": ("key-missing", False),
    "epoch-other": ("pack-damaged", False),
    "wrap": ("pack-damaged", False),
    "compartment": ("pack-foreign", False),
    "ordinal": ("pack-damaged", True),
    "store": ("pack-foreign", True),
}


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def write(data, *path):
    with open(os.path.join(*path), "wb") as f:
        f.write(data)


def files(store):
    """Names of the files that hold a store, below it."""
    found = [CONF]
    for top in ("keys", "ledger", "manifests", "packs"):
        for folder, _, names in os.walk(os.path.join(store, top)):
            found += [os.path.relpath(os.path.join(folder, n), store)
                      for n in names]
    return sorted(found)


def below(store, folder):
    return [n for n in files(store) if n.startswith(folder + "/")]


def frames(data):
    """Where the frames of a leaves file begin, torn bytes passed over."""
    found, at = [], 0
    while at < len(data):
        if data[at:at + 4] in (b"MLLF", b"MLPD"):
            found.append(at)
        if data[at:at + 4] == b"MLLF":
            at += (32 + struct.unpack_from("<I", data, at + 4)[0] + 7) & ~7
        else:
            at += 8
    return found


def borders(name, data):
    """Offsets at which something in a file ends."""
    if name.startswith("packs/"):
        slices, whole = struct.unpack_from("<II", data, len(data) - 56)
        tree = slices * SLICE
        return [4096, SLICE, tree - 80, tree, tree + 32 * slices,
                whole * SLICE - 64]
    if name.startswith("manifests/"):
        return [40, *range(40, len(data), 36)]
    if name == LEAVES:
        return frames(data)[1:]
    if name == TILES:
        return [32, len(data) - 32]
    if name == VAULT:
        return [32, 64, 96, len(data) - 32]
    if name.startswith("keys/"):
        return [64, 128, 184]
    return [i + 1 for i, b in enumerate(data[:-1]) if b == 10]


def contents(lines):
    """Names and contents of the files of a tree. Their attributes may be lost
    where the status says so."""
    return {(n.split()[0], n.split("sha256=")[1].split()[0])
            for n in lines if " type=f " in n}


class Case:
    """What is done to a copy of the store, and what must follow.

    named   verify says this, one of these
    status  of verify
    states  which of the states of the store may answer
    data    the code that verify --read-data gives, or how it begins
    """

    def __init__(self, group, title, damage, named, status=1, states=None,
                 data=None):
        self.group, self.title, self.damage = group, title, damage
        self.named = (named,) if isinstance(named, str) else tuple(named)
        self.status, self.states, self.data = status, states, data


class Swaps:
    def __init__(self, w):
        self.w = w
        self.states = []
        self.store, self.sources = small.make(w, states=self.states)
        self.whole = self.states[-1]
        self.other = self.make_other()
        self.dir = w.path("try")
        self.try_store = w.store("try")
        self.answers = [self.answer(state) for state in self.states]
        self.cases = []
        self.told = {}

    def make_other(self):
        """Another store, with another passphrase."""
        os.mkdir(self.w.path("elsewhere"))
        write(b"who else has a key\n", self.w.path("elsewhere/passphrase"))
        return small.make(self.w, "elsewhere/other")[0]

    # ---- what the store says ----

    def store_at(self, path):
        return wall.Store(self.w.build, path)

    def restore(self, store, name):
        out = self.w.path("out")
        wall.remove(out)
        ran = store.do("restore", name + "@latest", "--target", out)
        lines = []
        if os.path.isdir(out):
            lines = wall.treedump.describe(out, ("map", "nlink", "link"))[0]
        return ran, lines

    def answer(self, path):
        """What a state of the store says, by source."""
        store = self.store_at(path)
        said = {}
        for name in self.sources:
            ls = store.do("ls", "--recursive", name + "@latest")
            ran, lines = self.restore(store, name)
            said[name] = (ls.status, ls.out, ran.status, lines)
        return said

    # ---- judging ----

    def wrong(self, case, ran, what):
        self.w.violation(f"{case.group}: {case.title}: {what}\n{ran}")

    def ended(self, case, ran):
        """A command ends by itself, and if it fails then by a name."""
        if ran.status not in (0, 1, 3):
            self.wrong(case, ran, "ended badly")
            return False
        code = CODE.search(ran.err)
        if ran.status == 1 and (not code or code[1] == b"internal"):
            self.wrong(case, ran, "refused without a name")
            return False
        return True

    def judge_verify(self, case):
        ran = self.try_store.do("verify")
        text = (ran.out + ran.err).decode(errors="replace")
        good = ran.status == case.status and (
            not case.named or any(n in text for n in case.named))
        if not good:
            self.wrong(case, ran, f"expected {case.status} and one of "
                       f"{case.named}")
        return good

    def judge_data(self, case):
        ran = self.try_store.do("verify", "--read-data")
        if ran.status == 1 and f"[{case.data}".encode() in ran.out:
            return True
        self.wrong(case, ran, f"expected 1 and {case.data}")
        return False

    def judge_answers(self, case, states):
        good = True
        for name in self.sources:
            known = [self.answers[i][name] for i in states]
            ls = self.try_store.do("ls", "--recursive", name + "@latest")
            good &= self.ended(case, ls)
            if ls.status != 1 and (ls.status, ls.out) not in [
                    (k[0], k[1]) for k in known]:
                self.wrong(case, ls, "another list")
                good = False
            good &= self.judge_restore(case, name, known)
        return good

    def judge_restore(self, case, name, known):
        ran, lines = self.restore(self.try_store, name)
        if not self.ended(case, ran):
            return False
        if ran.status == 0 or (ran.status, lines) in [
                (k[2], k[3]) for k in known]:
            right = lines in [k[3] for k in known]
        else:
            # What is there is whole, whatever is not there.
            right = any(contents(lines) <= contents(k[3]) for k in known)
        if not right:
            self.wrong(case, ran, "it was not restored as it was")
        return right

    def judge_pull(self, case):
        """The source did not change since the last state."""
        ran = self.try_store.pull("files1", self.sources["files1"])
        return self.ended(case, ran) and (
            ran.status != 0 or self.judge_restore(
                case, "files1", [self.answers[-1]["files1"]]))

    def judge(self, case):
        wall.copy(self.whole, self.dir)
        subprocess.run(["chmod", "-R", "u+w", self.dir], check=True)
        case.damage(self.dir)
        last = len(self.states) - 1
        good = self.judge_verify(case)
        if case.data:
            good &= self.judge_data(case)
        good &= self.judge_answers(case, case.states or [last])
        good &= self.judge_pull(case)
        told = self.told.setdefault(case.group, [0, 0])
        told[0] += good
        told[1] += 1
        # What was put there may be in nobody's way but ours.
        wall.remove(self.dir)

    # ---- the cases ----

    def case(self, group, title, damage, named, **expected):
        self.cases.append(Case(group, title, damage, named, **expected))

    def lengths(self):
        """Each file cut, lost, grown."""
        for name in files(self.whole):
            data = read(self.whole, name)
            expected = {"named": self.named(name, data)}
            for at in sorted({0, len(data) // 2, len(data) - 1,
                              *borders(name, data)}):
                self.case("cut", f"{name} at {at}",
                          lambda d, n=name, b=data[:at]: write(b, d, n),
                          **expected)
            self.case("lost", name,
                      lambda d, n=name: os.unlink(os.path.join(d, n)),
                      **expected)
            # Behind the signed leaves stands what a crash left.
            if name in (LEAVES, TILES):
                expected.update(status=0, named="[ledger-torn]")
            for what, more in (("a byte", b"x"), ("zeros", bytes(SLICE)),
                               ("its head", data[:4096])):
                self.case("grown", f"{name} by {what}",
                          lambda d, n=name, b=data + more: write(b, d, n),
                          **expected)

    @staticmethod
    def named(name, data):
        """How verify calls a file that is damaged."""
        if name == CONF:
            return (CONF, "[store-missing]")
        if name == LEAVES:
            return (LEAVES,)
        return (name,)

    def ledger(self):
        data = read(self.whole, LEAVES)
        at = [a for a in frames(data) if data[a:a + 4] == b"MLLF"]
        ends = at[1:] + [len(data)]
        leaf = [data[a:e] for a, e in zip(at, ends)]

        def put(d, pieces):
            write(b"".join(pieces), d, LEAVES)

        def forged(one):
            """Another time in a leaf, and a frame that says it is right."""
            length = struct.unpack_from("<I", one, 4)[0]
            body = bytearray(one[32:32 + length])
            body[16] ^= 1
            digest = hashlib.blake2b(body, digest_size=16).digest()
            return one[:16] + digest + bytes(body) + one[32 + length:]

        for i, one in enumerate(leaf):
            self.case("leaves", f"{i} forged", lambda d, i=i, one=one:
                      put(d, leaf[:i] + [forged(one)] + leaf[i + 1:]), LEAVES)
            self.case("leaves", f"{i} taken out", lambda d, i=i:
                      put(d, leaf[:i] + leaf[i + 1:]), LEAVES)
            self.case("leaves", f"{i} all zeros", lambda d, i=i, n=len(one):
                      put(d, leaf[:i] + [bytes(n)] + leaf[i + 1:]), LEAVES)
            self.case("leaves", f"{i} again at the end", lambda d, one=one:
                      put(d, leaf + [one]), "[ledger-torn]", status=0)
        for i, j in itertools.combinations(range(len(leaf)), 2):
            if j - i < 4 or i == 0:
                swapped = list(leaf)
                swapped[i], swapped[j] = leaf[j], leaf[i]
                self.case("leaves", f"{i} and {j} exchanged",
                          lambda d, v=swapped: put(d, v), LEAVES)

    def exchange(self, group, a, b):
        def swap(d):
            x, y = read(self.whole, a), read(self.whole, b)
            write(y, d, a)
            write(x, d, b)

        def overwrite(d):
            write(read(self.whole, a), d, b)

        self.case(group, f"{a} and {b}", swap, a)
        self.case(group, f"{a} over {b}", overwrite, b)

    def exchanged(self):
        for folder in ("packs", "manifests", "keys"):
            for a, b in itertools.combinations(below(self.whole, folder), 2):
                self.exchange("exchanged", a, b)

        # Another pack in all but the name: whole in itself, of the same
        # ordinal, as one that a ledger put back let a pull make again.
        for name in below(self.whole, "packs"):
            data = bytearray(read(self.whole, name))
            if len(data) > 2 * SLICE:
                continue
            data[SLICE - 100] ^= 1
            leaf = hashlib.blake2b(b"\0" + data[:SLICE], digest_size=32)
            root = hashlib.blake2b(b"\2" + struct.pack("<I", 1) +
                                   leaf.digest(), digest_size=32)
            data[SLICE:SLICE + 32] = leaf.digest()
            data[-40:-8] = root.digest()
            self.case("exchanged", f"{name} by its like",
                      lambda d, n=name, b=data: write(b, d, n), name)

        # 4 KiB of a pack at another place of it: in a small pack there is
        # no block that long but in the first.
        for name in below(self.whole, "packs"):
            def moved(d, n=name):
                data = bytearray(read(d, n))
                data[4096:8192], data[8192:12288] = (
                    data[8192:12288], data[4096:8192])
                write(data, d, n)
            self.case("exchanged", f"bytes within {name}", moved, name)

    def older(self):
        last = len(self.states) - 1
        size = [int(read(s, CHECKPOINT).split(b"\n")[1]) for s in self.states]
        for i, state in enumerate(self.states[:-1]):
            def checkpoint(d, s=state):
                shutil.copyfile(os.path.join(s, CHECKPOINT),
                                os.path.join(d, CHECKPOINT))

            def whole_ledger(d, s=state):
                wall.copy(os.path.join(s, "ledger"),
                          os.path.join(d, "ledger"))

            def traceless(d, s=state):
                whole_ledger(d, s)
                for folder in ("packs", "manifests", "keys"):
                    wall.remove(os.path.join(d, folder))
                    shutil.copytree(os.path.join(s, folder),
                                    os.path.join(d, folder))

            # One leaf that nobody signed is what a crash leaves.
            left = size[last] - size[i]
            self.case("older", f"checkpoint of state {i}", checkpoint,
                      "an older checkpoint was put back", states=[i, last])
            self.case("older", f"ledger of state {i}", whole_ledger,
                      "an older ledger was put back", states=[i])
            # README: where the traces were removed too, nothing can tell.
            self.case("older", f"all of state {i}", traceless,
                      "all is well", status=0, states=[i])
            assert left > 1

    def foreign(self):
        other = self.other.path

        def put(source, *targets):
            def damage(d):
                for t in targets:
                    os.makedirs(os.path.dirname(os.path.join(d, t)),
                                exist_ok=True)
                    wall.copy(os.path.join(other, source),
                              os.path.join(d, t))
            return damage

        for folder in ("packs", "manifests"):
            theirs = below(other, folder)
            for name in theirs:
                self.case("foreign", f"{name} beside ours", put(name, name),
                          f"{name}")
            for name in below(self.whole, folder):
                self.case("foreign", f"one of theirs as {name}",
                          put(theirs[0], name), name)
        for name in (*below(self.whole, "keys"), TILES, LEAVES):
            self.case("foreign", name, put(name, name), name)
        self.case("foreign", CHECKPOINT, put(CHECKPOINT, CHECKPOINT),
                  "[checkpoint-foreign]")
        self.case("foreign", CONF, put(CONF, CONF), "-foreign]")
        self.case("foreign", "the ledger", put("ledger", "ledger"),
                  "-foreign]")
        for names in (("ledger", CONF),
                      ("ledger", CONF, "manifests", "packs")):
            def all_of(d, names=names):
                for n in names:
                    put(n, n)(d)
            # Whole in itself but for the keys: verify needs none.
            self.case("foreign", " and ".join(names), all_of,
                      ("keys/", "packs/"))

    # ---- forged ----

    def forge(self, *words):
        subprocess.run([os.path.join(self.w.build, "tests/walls/forge"),
                        *words], check=True)

    def forged(self):
        """A lie sealed into a pack, with all hashes and signatures right."""
        source = self.w.path("forge")

        def lie(d, name):
            wall.remove(source)
            os.rename(d, source)
            if name:
                self.forge("reseal", source, self.store.pass_file, name)
            self.forge("resign", source, d)

        self.case("forged", "no lie at all", lambda d: lie(d, None),
                  "all is well", status=0)
        for name, (code, seen) in LIES.items():
            self.case("forged", name, lambda d, n=name: lie(d, n),
                      "packs/" if seen else "all is well",
                      status=1 if seen else 0, data=code)

        # Rows of a manifest exchanged: each names a pack that is there.
        def rows(d):
            for name in below(d, "manifests"):
                data = bytearray(read(d, name))
                if len(data) >= 40 + 2 * 36:
                    data[44:76], data[80:112] = data[80:112], data[44:76]
                    write(data, d, name)
            lie(d, None)
        self.case("forged", "rows of manifests", rows, "manifests/")

    # ---- no file at all ----

    def names(self):
        packs = below(self.whole, "packs")
        some = [CONF, VAULT, "keys/recipient-1", CHECKPOINT, LEAVES, TILES,
                below(self.whole, "manifests")[0], packs[0], packs[-1]]

        def make_socket(path):
            with socket.socket(socket.AF_UNIX) as s:
                # Its path may be too long for an address.
                os.chdir(os.path.dirname(path))
                s.bind(os.path.basename(path))
                os.chdir("/")

        kinds = {
            "a folder": os.mkdir,
            "a FIFO": os.mkfifo,
            "a socket": make_socket,
            "a link to it": lambda p: os.symlink(self.w.path("aside"), p),
            "a dangling link": lambda p: os.symlink("/nonexistent", p),
            "a link to /dev/zero": lambda p: os.symlink("/dev/zero", p),
        }
        if os.geteuid() == 0:
            kinds["a device"] = lambda p: os.mknod(p, 0o20600,
                                                   os.makedev(1, 5))
        for name, (kind, make) in itertools.product(some, kinds.items()):
            def damage(d, n=name, make=make):
                path = os.path.join(d, n)
                os.replace(path, self.w.path("aside"))
                make(path)
            self.case("names", f"{name} is {kind}", damage,
                      self.named(name, b""))
        for name in some:
            def linked(d, n=name):
                path, aside = os.path.join(d, n), self.w.path("aside")
                shutil.copy2(path, aside)
                os.unlink(path)
                os.link(aside, path)
            self.case("names", f"{name} has another name elsewhere", linked,
                      "all is well", status=0)
        self.more_names(packs[0])

    def more_names(self, pack):
        digit = "0" if pack[-1] != "0" else "1"
        renamed = pack[:-1] + digit
        wrong_folder = "packs/00/" + os.path.basename(pack)

        def rename(d, to=renamed):
            os.makedirs(os.path.dirname(os.path.join(d, to)), exist_ok=True)
            os.rename(os.path.join(d, pack), os.path.join(d, to))

        def add(d, to, data=b"x"):
            os.makedirs(os.path.dirname(os.path.join(d, to)), exist_ok=True)
            write(data, d, to)

        self.case("names", "a pack renamed", rename, pack)
        self.case("names", "a pack renamed, its new name", rename, renamed)
        if not pack.startswith("packs/00/"):
            self.case("names", "a pack in a wrong folder",
                      lambda d: rename(d, wrong_folder), wrong_folder)
        self.case("names", "a pack's second name", lambda d: os.link(
            os.path.join(d, pack), os.path.join(d, renamed)), renamed)
        upper = os.path.dirname(pack) + "/" + os.path.basename(pack).upper()
        self.case("names", "a pack in capitals", lambda d: rename(d, upper),
                  upper)
        for name in ("packs/x", os.path.dirname(pack) + "/x", "manifests/x",
                     "keys/x", "ledger/x", "ledger/leaves-00000001",
                     "ledger/leaves-00000009"):
            self.case("names", f"an extra {name}",
                      lambda d, n=name: add(d, n), name)
        for name in ("manifests/.x.tmp", "ledger/.checkpoint.tmp",
                     "keys/.vault.tmp", "ledger/hash-1"):
            self.case("names", f"an extra {name}",
                      lambda d, n=name: add(d, n), name, status=0)


def main():
    w = wall.Wall("swaps", __doc__)
    swaps = Swaps(w)
    for collect in (swaps.lengths, swaps.ledger, swaps.exchanged, swaps.older,
                    swaps.foreign, swaps.forged, swaps.names):
        collect()
    cases = swaps.cases
    w.random.shuffle(cases)
    began = w.spent()
    for case in cases[:10]:
        swaps.judge(case)
    cost = (w.spent() - began) / 10
    k, first = w.every(len(cases) - 10, cost,
                       w.options.seconds - w.spent())
    print(f"{len(cases)} cases, {cost:.3f} s each, k = {k}", flush=True)
    for case in cases[10 + first::k]:
        swaps.judge(case)
    tried = sum(t[1] for t in swaps.told.values())
    w.end(tried=tried, of=len(cases), k=k,
          **{g: f"{t[0]}/{t[1]}" for g, t in sorted(swaps.told.items())})


if __name__ == "__main__":
    main()
