#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wall: cache/ may lie. Bits of RocksDB's files flipped, its files lost, cut
or replaced, a cache from before, of another store, or newer than the ledger.

Each time a pull of a changed source ends with 0 and the same root as with a
whole cache, its snapshot restores as the source is, every manifest is the
closure of its snapshot, and no process is killed. Where RocksDB ends the
process itself, that is told by name, and the third pull at the latest is as
above."""

import fcntl
import json
import os
import shutil
import subprocess

import small
import wall

# RocksDB writes LOG and OPTIONS for people and does not read them again: of
# their bytes one in so many.
UNREAD_EVERY = 64

# What gives up twice is made anew by the third pull.
GIVES_UP_MAX = 3

FS_IOC_SETFLAGS = 0x40086602


def unseal(path):
    """Away with the immutable flag, where there are such flags."""
    with open(path, "rb") as f:
        try:
            fcntl.ioctl(f, FS_IOC_SETFLAGS, bytes(8))
        except OSError:
            pass


def put_folder(source, target):
    """A copy in place of what is there."""
    wall.remove(target)
    shutil.copytree(source, target)


class Caches:
    def __init__(self, w):
        self.w = w
        self.tree, self.still = w.path("tree"), w.path("still")
        self.store = w.store()
        self.before = []
        self.make()
        self.other = w.store("other")
        self.other.make()
        self.pulled(self.other, "files1", self.still)
        self.root = self.expected()
        self.told, self.gave_up = {}, 0
        self.cases, self.pieces = [], []

    def fill(self, tree, n):
        os.makedirs(os.path.join(tree, "folder"), exist_ok=True)
        for i in range(3):
            name = os.path.join(tree, "folder" if i else "", f"deed-{n}-{i}")
            with open(name, "wb") as f:
                f.write(self.w.random.randbytes(300 * (i + n)))
            os.utime(name, (1e9, 1e9))

    def pulled(self, store, name, tree):
        ran = store.pull(name, tree)
        if ran.status != 0:
            raise RuntimeError(f"the store cannot be made: {ran}")
        return json.loads(ran.out)["root"]

    def make(self):
        """Two sources, three pulls; the first source then changes."""
        self.store.make()
        self.fill(self.tree, 1)
        self.fill(self.still, 5)
        small.settle()
        for n, (name, tree) in enumerate((("files1", self.tree),
                                          ("files1", self.tree),
                                          ("still", self.still))):
            self.pulled(self.store, name, tree)
            self.before.append(self.w.path(f"before.{n}"))
            wall.copy(self.store.path, self.before[-1])
            if n == 0:
                self.fill(self.tree, 2)
        self.fill(self.tree, 3)

    def expected(self):
        """The root that a pull gives whose cache is whole. It must have been
        used, or no damage of it could show."""
        self.reset()
        root = self.pulled(self.store, "files1", self.tree)
        ran = self.store.pull("still", self.still)
        if json.loads(ran.out)["bytes_read"] != 0:
            raise RuntimeError(f"the cache was not used: {ran}")
        return root

    def reset(self):
        """As before the last pull, in a few milliseconds."""
        for top in ("packs", "manifests"):
            for folder, _, names in os.walk(os.path.join(self.store.path,
                                                         top)):
                for name in names:
                    path = os.path.join(folder, name)
                    if not os.path.exists(os.path.join(
                            self.before[-1],
                            os.path.relpath(path, self.store.path))):
                        unseal(path)
                        os.unlink(path)
        for top in ("ledger", "cache"):
            put_folder(os.path.join(self.before[-1], top),
                       os.path.join(self.store.path, top))

    # ---- judging ----

    def wrong(self, title, ran, what):
        self.w.violation(f"{title}: {what}\n{ran}")
        return False

    def judge_pull(self, title, name, tree, root):
        """It ends with 0, the root is right, and so is what is restored."""
        for _ in range(GIVES_UP_MAX):
            ran = self.store.pull(name, tree)
            if ran.status != 1 or b"its database gave up" not in ran.err:
                break
            self.gave_up += 1
            print(f"{title}: the database gave up", flush=True)
        if ran.status != 0:
            return self.wrong(title, ran, "the pull failed")
        if root and json.loads(ran.out)["root"] != root:
            return self.wrong(title, ran, "another root")
        return True

    def judge_restore(self, title, name, tree):
        out = self.w.path("out")
        wall.remove(out)
        back = self.store.do("restore", name + "@latest", "--target", out)
        if back.status != 0 or wall.dump(out) != wall.dump(tree):
            return self.wrong(title, back, "it does not restore as it was")
        return True

    def judge(self, group, title, damage, ledger=None):
        """Damage a copy and pull both sources; the second did not change.
        ledger: the state whose ledger is put back."""
        self.reset()
        cache = os.path.join(self.store.path, "cache")
        if ledger is not None:
            put_folder(os.path.join(self.before[ledger], "ledger"),
                       os.path.join(self.store.path, "ledger"))
        damage(cache)
        title = f"{group}: {title}"
        # An older ledger gives the same root: ids are of content alone.
        good = True
        for name, tree, root in (("files1", self.tree, self.root),
                                 ("still", self.still, None)):
            good = (self.judge_pull(title, name, tree, root) and
                    self.judge_restore(title, name, tree) and good)
        good = self.judge_store(title) and good
        self.count(group, good)

    def judge_store(self, title):
        """All snapshots are whole, all manifests right. The checker holds that
        a cache of this program's making is true: not here."""
        wall.remove(os.path.join(self.store.path, "cache"))
        ran = self.store.check()
        return ran.status == 0 or self.wrong(title, ran, "it is damaged")

    def count(self, group, good):
        told = self.told.setdefault(group, [0, 0])
        told[0] += good
        told[1] += 1

    def each(self, what, points, fn, seconds):
        """fn of as many of these as there is time for; k."""
        self.w.random.shuffle(points)
        began = self.w.spent()
        for point in points[:5]:
            fn(*point)
        k, first = self.w.every(len(points), (self.w.spent() - began) / 5,
                                seconds)
        print(f"{len(points)} {what}, k = {k}", flush=True)
        for point in points[5 + first::k]:
            fn(*point)
        return k

    # ---- what is done ----

    def case(self, group, title, damage, ledger=None):
        self.cases.append((group, title, damage, ledger))

    def piece(self, group, title, damage):
        self.pieces.append((group, title, damage))

    def files(self):
        cache = os.path.join(self.before[-1], "cache")
        return sorted(os.path.relpath(os.path.join(folder, n), cache)
                      for folder, _, names in os.walk(cache) for n in names)

    def points(self):
        """(file, offset) of the bytes that are flipped."""
        found = []
        for name in self.files():
            size = os.path.getsize(os.path.join(self.before[-1], "cache",
                                                name))
            unread = os.path.basename(name).startswith(("LOG", "OPTIONS"))
            step = UNREAD_EVERY if unread else 1
            found += [(name, at) for at in range(0, size, step)]
        return found

    def flip(self, name, at):
        """Dearer than the flip are the programs that judge it: the pull, and
        the checker, which reads all that is there."""
        bit = self.w.random.randrange(8)
        title = f"flipped: bit {bit} of byte {at} of {name}"
        self.reset()
        with open(os.path.join(self.store.path, "cache", name), "r+b") as f:
            byte = os.pread(f.fileno(), 1, at)[0]
            os.pwrite(f.fileno(), bytes([byte ^ 1 << bit]), at)
        self.count("flipped", self.judge_pull(
            title, "files1", self.tree, self.root) and
            self.judge_store(title))

    def collect(self):
        def put(source):
            def damage(cache):
                put_folder(os.path.join(source, "cache"), cache)
            return damage

        def put_index_and_stat(index, stat):
            def damage(cache):
                put(index)(cache)
                put_folder(os.path.join(stat, "cache/stat"),
                           os.path.join(cache, "stat"))
            return damage

        for i, state in enumerate(self.before):
            self.case("older", f"cache of state {i}", put(state))
            # What newer pulls left in cache/ is of a ledger that is gone.
            self.case("newer", f"cache beside the ledger of state {i}",
                      lambda cache: None, ledger=i)
            self.case("older", f"index of state {i}",
                      put_index_and_stat(state, self.before[-1]))
            self.case("older", f"stat of state {i}",
                      put_index_and_stat(self.before[-1], state))
        self.regrown()
        self.case("foreign", "all of it", put(self.other.path))
        self.case("foreign", "stat", put_index_and_stat(
            self.before[-1], self.other.path))
        self.case("lost", "all of it", shutil.rmtree)
        for db in ("index", "stat"):
            self.case("lost", db, lambda cache, db=db: shutil.rmtree(
                os.path.join(cache, db)))
            self.case("replaced", f"{db} is a file", lambda cache, db=db: (
                shutil.rmtree(os.path.join(cache, db)),
                open(os.path.join(cache, db), "w").close()))
            self.case("replaced", f"{db} is the other", lambda cache, db=db:
                      put_folder(os.path.join(self.before[-1], "cache",
                                              {"index": "stat",
                                               "stat": "index"}[db]),
                                 os.path.join(cache, db)))
        self.lies()
        self.files_lost()

    def lies(self):
        """Records that are not true, in a database that is whole."""
        for db, lies in (("index", ("rotate", "flip", "cut", "far", "open")),
                         ("stat", ("rotate", "flip", "cut"))):
            for how in lies:
                for alone in (False, True):
                    def damage(cache, db=db, how=how, alone=alone):
                        subprocess.run(
                            [os.path.join(self.w.build, "tests/walls/liar"),
                             os.path.join(cache, db), how], check=True,
                            stdout=subprocess.DEVNULL)
                        if alone:
                            shutil.rmtree(os.path.join(
                                cache, "stat" if db == "index" else "index"))
                    self.case("lies", f"{db}: {how}"
                              f"{', without the other' if alone else ''}",
                              damage)

    def regrown(self):
        """The ledger of before put back, and grown again beyond what the
        cache saw; then that cache comes back."""
        def damage(cache):
            newer = self.w.path("newer")
            put_folder(os.path.join(self.before[-1], "cache"), newer)
            for n in range(3):
                self.fill(self.w.path("more"), n)
                self.pulled(self.store, f"more-{n}", self.w.path("more"))
            put_folder(newer, cache)
        self.case("newer", "cache beside a ledger that grew again", damage,
                  ledger=1)

    def files_lost(self):
        """Each file lost, empty, cut, or no file."""
        for name in self.files():
            def path(cache, n=name):
                return os.path.join(cache, n)

            def cut(cache, p=path):
                os.truncate(p(cache), os.path.getsize(p(cache)) // 2)

            def replaced(cache, make, p=path):
                os.unlink(p(cache))
                make(p(cache))

            self.piece("cut", f"{name} lost",
                       lambda c, p=path: os.unlink(p(c)))
            self.piece("cut", f"{name} empty",
                       lambda c, p=path: os.truncate(p(c), 0))
            self.piece("cut", f"{name} at half", cut)
            for what, make in (("a folder", os.mkdir), ("a FIFO", os.mkfifo),
                               ("a link", lambda p: os.symlink("/dev/zero",
                                                               p))):
                self.piece("replaced", f"{name} is {what}",
                           lambda c, make=make, r=replaced: r(c, make))


def main():
    w = wall.Wall("caches", __doc__)
    caches = Caches(w)
    caches.collect()
    for case in caches.cases:
        caches.judge(*case)
    left = w.options.seconds - w.spent()
    k_files = caches.each("files", caches.pieces, caches.judge, left / 3)
    k_bytes = caches.each("bytes", caches.points(), caches.flip,
                          w.options.seconds - w.spent())
    tried = sum(t[1] for t in caches.told.values())
    w.end(tried=tried, k_files=k_files, k_bytes=k_bytes,
          gave_up=caches.gave_up,
          unread_every=UNREAD_EVERY,
          **{g: f"{t[0]}/{t[1]}" for g, t in sorted(caches.told.items())})


if __name__ == "__main__":
    main()
