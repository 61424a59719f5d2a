#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per MB, so that what became slower is seen without a clock.

A first pull, an unchanged pull, a restore, and reading a mount, of the same
small tree each time, all processes under callgrind; what is counted is
compared with the figures allowed in guard.json. They are for one compiler on
one processor type: elsewhere this tells the figures and is skipped. After a
change that is worth what it costs: guard.py --build DIR --allow writes what
it counts into guard.json.
"""

import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

from wall import HERE, Wall, dump, remove, run

ALLOWED = os.path.join(HERE, "guard.json")
MORE = 1.05                     # what threads and chance may add
LESS = 0.85                     # below, the figure allowed is a stale one
MB = 1000000


def tree(folder):
    """12 MB: noise, text, many small files, a copy, a sparse one."""
    rng = random.Random(20261122)
    words = [bytes(rng.choices(b"aeiostnrl", k=rng.randrange(2, 9)))
             for _ in range(2000)]

    def text(n):
        return b" ".join(rng.choices(words, k=n))

    def put(name, content):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
        os.utime(path, (1e9, 1e9))
        return len(content)

    total = put("noise", rng.randbytes(4 * MB))
    total += put("text", text(500000))
    copy = text(200000)
    total += put("one", copy) + put("other", copy + b"!")
    for i in range(1500):
        total += put(f"small/{i % 30}/{i}", text(rng.randrange(300)))
    total += put("image.img", rng.randbytes(MB) + bytes(MB))
    return total


def compiler(build):
    """What the figures are for: "GCC 12 -O2 avx2"."""
    comment = subprocess.run(
        ["readelf", "-p", ".comment",
         os.path.join(build, "cli/muniment-pull")],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    name, version = re.search(r"(GCC|clang).*?(\d+)\.\d+\.\d+",
                              comment).groups()
    with open(os.path.join(build, "meson-info/intro-buildoptions.json"),
              encoding="utf-8") as f:
        options = {o["name"]: o["value"] for o in json.load(f)}
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        avx2 = " avx2" if re.search(r"\bavx2\b", f.read()) else ""
    return f"{name} {version} -O{options['optimization']}{avx2}"


class Guard:
    def __init__(self, wall):
        self.wall, self.store = wall, wall.store()
        self.logs = wall.path("log")
        self.under = ["valgrind", "--tool=callgrind", "--trace-children=yes",
                      # Its programs cannot be set-uid ones.
                      "--trace-children-skip=*/fusermount3,*/mount,*/umount",
                      "--callgrind-out-file=/dev/null",
                      f"--log-file={self.logs}.%p"]

    def counted(self):
        """The instructions of all processes since the last call."""
        total = 0
        for path in glob.glob(self.logs + ".*"):
            with open(path, encoding="utf-8", errors="replace") as f:
                found = re.search(r"Collected : (\d+)", f.read())
            if found:
                total += int(found[1])
            os.unlink(path)
        return total

    def command(self, *words):
        ran = run(self.under + self.store.program(*words), self.store.env(),
                  600)
        if ran.status != 0:
            self.wall.violation(str(ran))
        return self.counted()

    def mount(self, source):
        point = self.wall.path("mnt")
        os.mkdir(point)
        child = subprocess.Popen(
            self.under + self.store.program("mount", "--foreground", point),
            env=self.store.env(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        while child.poll() is None and not os.path.ismount(point):
            time.sleep(0.1)
        same = dump(os.path.join(point, "k/latest")) == dump(source)
        subprocess.run(["umount", point], check=True)
        if child.wait() != 0 or not same:
            self.wall.violation("the mount is other than the source")
        return self.counted()

    def measure(self):
        source, out = self.wall.path("source"), self.wall.path("out")
        size = tree(source)
        self.store.make()
        # What was made a moment ago is not trusted to be unchanged.
        time.sleep(3)
        pull = ["pull", "--source", "k", source]
        counts = {"first pull": self.command(*pull),
                  "unchanged pull": self.command(*pull),
                  "restore": self.command("restore", "k@latest", "--target",
                                          out)}
        if dump(out) != dump(source):
            self.wall.violation("restored is other than the source")
        remove(out)
        counts["mount read"] = self.mount(source)
        return {what: round(n / size * MB) for what, n in counts.items()}


def compare(wall, figures, kind):
    with open(ALLOWED, encoding="ascii") as f:
        allowed = json.load(f).get(kind)
    if allowed is None:
        print(f"guard: no figures are allowed for {kind}: {figures}")
        sys.exit(77)
    for what, n in figures.items():
        share = n / allowed[what]
        print(f"{what:16}{n:>14,} instructions per MB, "
              f"{share:.3f} of what is allowed")
        if share > MORE:
            wall.violation(f"{what} takes {share:.2f} times what is allowed")
        if share < LESS:
            wall.violation(f"{what} takes {share:.2f} of what is allowed: "
                           "allow that, with --allow")


def allow(figures, kind):
    with open(ALLOWED, encoding="ascii") as f:
        allowed = json.load(f)
    allowed[kind] = figures
    with open(ALLOWED, "w", encoding="ascii") as f:
        json.dump(allowed, f, indent="\t", sort_keys=True)
        f.write("\n")


def main():
    if shutil.which("valgrind") is None:
        print("guard: valgrind is not installed")
        sys.exit(77)
    wall = Wall("guard", __doc__.splitlines()[0], lambda p: p.add_argument(
        "--allow", action="store_true"))
    kind = compiler(wall.build)
    figures = Guard(wall).measure()
    if wall.options.allow:
        allow(figures, kind)
    compare(wall, figures, kind)
    wall.end(tried=len(figures), kind=kind, per_mb=figures)


if __name__ == "__main__":
    main()
