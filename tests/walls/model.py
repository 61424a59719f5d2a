#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random histories of a store, against an oracle that lies outside of it.

A history is a store, two sources whose trees change at random, and a row of
random steps: pulls, pulls that are killed at a random moment, restores of any
earlier snapshot, mounts that stay while other steps go on, verify, a cache
that is lost, or in part, or older, files that a crash left behind, a wait
after which a pull may trust what it finds. One of the sources has times of
whole seconds, of which a pull must trust less. The oracle
is what treedump.py said of the source at each pull, kept here. After each
commit the checker walks the closure of every snapshot and compares it with
the manifest.

What must hold: a pull ends well and its snapshot is what the source was; no
snapshot that was told is ever gone or other than it was; a killed pull leaves
a whole snapshot or none; the same tree has the same root id, with a cache,
without one, with an old one; no step but a pull changes what is stored.
"""

import json
import os
import random
import shutil
import subprocess
import time

from wall import Wall, copy, dump, remove

STEPS = 40                      # of a history, then a new store
SOURCES = ("files", "hr.db-1")
LARGE = 3 << 20
TREE_LIMIT = 12 << 20           # bytes of one source
SETTLED = 3.1                   # seconds: times so old may be trusted


class Tree:
    """A source that changes at random."""

    def __init__(self, rng, path):
        self.rng, self.path = rng, path
        os.makedirs(path)
        self.serial = 0

    def all(self, kind):
        found = []
        for base, folders, files in os.walk(self.path):
            for name in folders + files:
                path = os.path.join(base, name)
                if (os.path.islink(path) and kind == "link"
                        or os.path.isdir(path) and kind == "folder"
                        and not os.path.islink(path)
                        or os.path.isfile(path) and kind == "file"
                        and not os.path.islink(path)):
                    found.append(path)
        return sorted(found)

    def one(self, kind):
        found = self.all(kind)
        return self.rng.choice(found) if found else None

    def new_name(self):
        self.serial += 1
        folder = self.rng.choice([self.path] + self.all("folder"))
        odd = self.rng.choice(["", "", "", "\n", " x", "\udcff\udcfe", "é",
                               "n" * 200, ".img", ".txt"])
        return os.path.join(folder, f"{self.serial}{odd}")

    def content(self):
        kind = self.rng.randrange(6)
        size = self.rng.choice([0, 1, 100, 4096, 16383, 16384, 65537, 262144,
                                262145, 700000, LARGE])
        if kind == 0:
            return bytes(size)
        if kind == 1:
            return b"once more, " * (size // 11)
        if kind == 2:
            path = self.one("file")
            if path:
                with open(path, "rb") as f:
                    return f.read(LARGE)    # it may be a sparse one
        return self.rng.randbytes(size)

    def add_file(self):
        if self.size() < TREE_LIMIT:
            with open(self.new_name(), "wb") as f:
                f.write(self.content())

    def add_folder(self):
        os.mkdir(self.new_name())

    def add_crowd(self):
        folder = self.new_name()
        os.mkdir(folder)
        for i in range(self.rng.choice([3, 50, 50, 300, 300, 1500])):
            with open(os.path.join(folder, f"c{i * 7919 % 10007}"), "wb") as f:
                f.write(b"%d" % i)

    def thin_out_crowd(self):
        for path in self.all("file"):
            if os.path.basename(path).startswith("c") and \
                    self.rng.random() < 0.3:
                os.unlink(path)

    def add_sparse(self):
        with open(self.new_name(), "wb") as f:
            f.truncate(self.rng.choice([1 << 20, 1 << 33, (1 << 40) + 5]))
            f.seek(self.rng.randrange(1 << 19))
            f.write(self.rng.randbytes(5000))

    def add_link(self):
        os.symlink(self.rng.choice(["nowhere", "..", "/", "a" * 1000]),
                   self.new_name())

    def add_hard_link(self):
        path = self.one("file")
        if path:
            os.link(path, self.new_name())

    def add_fifo(self):
        os.mkfifo(self.new_name())

    def overwrite(self):
        path = self.one("file")
        if path and os.path.getsize(path):
            times = os.stat(path)
            with open(path, "r+b") as f:
                f.seek(self.rng.randrange(min(LARGE, os.path.getsize(path))))
                f.write(self.rng.randbytes(self.rng.choice([1, 10, 20000])))
            if self.rng.random() < 0.3:
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def append(self):
        path = self.one("file")
        if path and self.size() < TREE_LIMIT:
            with open(path, "ab") as f:
                f.write(self.content())

    def cut(self):
        path = self.one("file")
        if path:
            os.truncate(path, self.rng.randrange(
                min(LARGE, os.path.getsize(path) + 1)))

    def rename(self):
        path = self.one(self.rng.choice(["file", "folder", "link"]))
        target = self.new_name()
        if path and not target.startswith(path + "/"):
            os.rename(path, target)

    def delete(self):
        path = self.one("file")
        if path:
            os.unlink(path)

    def delete_folder(self):
        path = self.one("folder")
        if path:
            shutil.rmtree(path)

    def kind(self):
        path = self.one("file")
        if path:
            os.unlink(path)
            os.mkdir(path)

    def mode(self):
        path = self.one(self.rng.choice(["file", "folder"]))
        if path:
            os.chmod(path, self.rng.choice([0o600, 0o755, 0o4711, 0o000]))

    def owner(self):
        path = self.one(self.rng.choice(["file", "folder", "link"]))
        if path and os.geteuid() == 0:
            os.lchown(path, self.rng.randrange(70000),
                      self.rng.randrange(70000))

    def attribute(self):
        path = self.one(self.rng.choice(["file", "folder"]))
        if path:
            try:
                os.setxattr(path, "user.seal",
                            self.rng.randbytes(self.rng.choice([0, 3, 900])))
            except OSError:     # not on every file system
                pass

    def date(self):
        path = self.one(self.rng.choice(["file", "folder", "link"]))
        if path:
            at = self.rng.choice([0, 1, -5, 10 ** 18 + 1, 4 * 10 ** 18])
            os.utime(path, ns=(at, at), follow_symlinks=False)

    def changes(self):
        """Change times, which an entry has too, though no restore can set
        them."""
        return [os.lstat(os.path.join(base, name)).st_ctime_ns
                for base, folders, files in sorted(os.walk(self.path))
                for name in [".", *sorted(folders), *sorted(files)]]

    def size(self):
        return sum(os.lstat(p).st_blocks * 512 for p in self.all("file"))

    def change(self):
        ways = [self.add_file] * 6 + [
            self.add_folder, self.add_folder, self.add_crowd,
            self.thin_out_crowd, self.add_sparse, self.add_link,
            self.add_hard_link, self.add_fifo, self.overwrite,
            self.overwrite, self.append, self.cut, self.rename, self.rename,
            self.delete, self.delete_folder, self.kind, self.mode,
            self.owner, self.attribute, self.date]
        for _ in range(self.rng.choice([1, 1, 2, 5, 20])):
            self.rng.choice(ways)()


class History:
    def __init__(self, wall, number):
        self.wall = wall
        # Each history can be repeated by its own number.
        self.rng = random.Random(wall.options.seed * 1000003 + number)
        self.number, self.log = number, []
        self.place = wall.path(f"h{number}")
        os.mkdir(self.place)
        self.store = wall.store(f"h{number}/store")
        self.coarse = os.path.join(wall.path("coarse"), f"{number}")
        self.trees = {name: Tree(self.rng, os.path.join(place, name))
                      for name, place in zip(SOURCES,
                                             (self.place, self.coarse))}
        self.told = {}          # snapshot name -> (root, dump), in order
        self.newest = {}        # source -> (root, (dump, change times))
        self.killed = {}        # source -> [dump] of pulls killed since
        self.mounts = []        # (folder, names when it was mounted)
        self.counts = {}
        self.failed = False
        self.store.make()
        self.saved = None       # a copy of cache/

    def wrong(self, text):
        self.failed = True
        self.wall.violation(f"history {self.number}: {text}\n  after "
                            + ", ".join(self.log[-12:]))

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    # ---- what must hold ----

    def checked(self):
        ran = self.store.check()
        self.count("checks")
        if ran.status != 0:
            self.wrong(f"the checker: {ran}")

    def listed(self):
        """All that was told is there, as it was told."""
        found = self.store.snapshots()
        if found is None:
            self.wrong("snapshots are not listed")
            return []
        roots = {s["snapshot"]: s["root"] for s in found}
        for name, (root, _) in self.told.items():
            if roots.get(name) != root:
                self.wrong(f"{name} was told as {root} and is listed as "
                           f"{roots.get(name)}")
        return found

    def restored(self, name, *oracles):
        """Its dump; it has to be one of these."""
        target = os.path.join(self.place, "out")
        remove(target)
        ran = self.store.do("restore", name, "--target", target)
        self.count("restores")
        found = dump(target) if ran.status == 0 else None
        if ran.status != 0:
            self.wrong(f"{name}: {ran}")
        elif found not in oracles:
            self.wrong(f"{name}: restored is other than what was pulled")
        remove(target)
        return found

    # ---- steps ----

    def pull(self):
        name = self.rng.choice(SOURCES)
        tree = self.trees[name]
        if self.rng.random() < 0.8:
            tree.change()
        oracle = dump(tree.path)
        state = (oracle, tree.changes())
        ran = self.store.pull(name, tree.path)
        self.count("pulls")
        if ran.status != 0:
            self.wrong(f"{ran}")
            return
        told = self.result(ran)
        before = self.newest.get(name)
        if before and before[1] == state and told["root"] != before[0]:
            self.wrong(f"{name}: the same tree, another root id")
        self.told[told["snapshot"]] = (told["root"], oracle)
        self.untold()
        self.killed = {}        # by now each of them is there or is not
        self.newest[name] = (told["root"], state)
        self.checked()
        if os.listdir(os.path.join(self.store.path, "incoming")):
            self.wrong("something is left in incoming/")

    @staticmethod
    def result(ran):
        return json.loads(ran.out)

    def killed_pull(self):
        name = self.rng.choice(SOURCES)
        tree = self.trees[name]
        tree.change()
        oracle = dump(tree.path)
        child = subprocess.Popen(
            self.store.program("pull", "--json", "--source", name, tree.path),
            env=self.store.env(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        time.sleep(self.rng.random() ** 2 * 0.15)
        subprocess.run(["pkill", "-KILL", "-s", str(child.pid)], check=False)
        self.count("killed pulls" if child.wait() != 0 else "missed kills")
        self.killed.setdefault(name, []).append(oracle)
        self.checked()
        self.untold()

    def untold(self):
        """Committed, and killed before it was told: then whole. One whose
        leaf was written and not yet signed is taken over by the next pull,
        of any source."""
        for s in self.listed():
            name, source = s["snapshot"], s["source"]
            if name not in self.told:
                found = self.restored(name, *self.killed.get(source, []))
                self.told[name] = (s["root"], found)
                self.newest.pop(source, None)

    def restore(self):
        if self.told:
            name = self.rng.choice(list(self.told))
            self.restored(name, self.told[name][1])

    def verify(self):
        ran = self.store.do("verify", *self.rng.choice([[], ["--read-data"]]))
        self.count("verifies")
        if ran.status != 0:
            self.wrong(f"{ran}")

    def mount(self):
        if len(self.mounts) < 2 and self.told:
            folder = os.path.join(self.place, f"mnt{len(self.log)}")
            os.mkdir(folder)
            ran = self.store.do("mount", folder)
            if ran.status != 0:
                self.wrong(f"{ran}")
            else:
                self.mounts.append((folder, list(self.told)))

    def unmount(self):
        """What a mount shows is what it showed, whatever went on since."""
        if not self.mounts:
            return
        folder, names = self.mounts.pop(self.rng.randrange(len(self.mounts)))
        name = self.rng.choice(names)
        source, when = name.split("@")
        shown = os.path.join(folder, source, when.replace(":", "-"))
        self.count("mounts read")
        try:
            if dump(shown) != self.told[name][1]:
                self.wrong(f"{name}: mounted is other than what was pulled")
        except OSError as e:
            self.wrong(f"{shown}: {e}")
        subprocess.run(["umount", folder], check=True)

    def cache(self, *below):
        return os.path.join(self.store.path, "cache", *below)

    def lose_cache(self):
        part = self.rng.choice([[], ["index"], ["stat"]])
        remove(self.cache(*part))

    def damage_cache(self):
        found = [os.path.join(base, f) for base, _, files
                 in os.walk(self.cache()) for f in files]
        found = [f for f in sorted(found) if os.path.getsize(f)]
        for path in self.rng.sample(found, min(2, len(found))):
            with open(path, "r+b") as f:
                f.seek(self.rng.randrange(os.path.getsize(path)))
                f.write(self.rng.randbytes(1))

    def save_cache(self):
        if os.path.isdir(self.cache()):
            copy(self.cache(), os.path.join(self.place, "saved"))
            self.saved = os.path.join(self.place, "saved")

    def stale_cache(self):
        if self.saved:
            copy(self.saved, self.cache())

    def settle(self):
        time.sleep(SETTLED)

    def leave_behind(self):
        path = os.path.join(self.store.path, "incoming",
                            f"{self.rng.getrandbits(128):032x}")
        with open(path, "wb") as f:
            f.write(self.rng.randbytes(70000))

    def step(self):
        way = self.rng.choice(
            [self.pull] * 10 + [self.killed_pull] * 4 + [self.restore] * 4 + [
                self.verify, self.mount, self.mount, self.unmount,
                self.unmount, self.lose_cache, self.damage_cache,
                self.save_cache, self.stale_cache, self.leave_behind,
                self.settle, self.settle, self.settle])
        self.log.append(way.__name__)
        self.count("steps")
        way()

    def run(self):
        for _ in range(STEPS):
            if self.failed or self.wall.over():
                break
            self.step()
        while self.mounts:
            self.unmount()
        if not self.failed:
            self.log.append("end")
            self.listed()
            for name, (_, oracle) in self.told.items():
                self.restored(name, oracle)
            remove(self.place)
            remove(self.coarse)
        return self.counts


def mount_coarse(point):
    """A file system whose times are whole seconds: ext4 with short inodes.
    Whether there is one."""
    os.mkdir(point)
    image = point + ".img"
    with open(image, "wb") as f:
        f.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-I", "128", "-N", "100000",
                    "-O", "^has_journal", image], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ran = subprocess.run(["mount", "-o", "loop,discard", image, point],
                         check=False)
    return ran.returncode == 0


def main():
    wall = Wall("model", __doc__.splitlines()[0])
    coarse = mount_coarse(wall.path("coarse"))
    total, number = {}, 0
    while not wall.over() and wall.violations == 0:
        for what, n in History(wall, number).run().items():
            total[what] = total.get(what, 0) + n
        number += 1
        if number % 20 == 0:
            print(f"{number} histories, {total['steps']} steps", flush=True)
    wall.end(tried=number, histories=number, coarse=coarse, **total)


if __name__ == "__main__":
    main()
