# SPDX-License-Identifier: Apache-2.0
"""Every decoder against what libFuzzer makes of its corpus.

    python3 fuzz.py --build DIR [--seconds N | --all] [--seed N] [--merge]

--build     a folder for a build with clang, libFuzzer and the sanitizers of
            address and undefined behaviour; it is made if it is not there
--seconds   shared by all targets of tests/fuzz, one after the other, by how
            much code each was seen to reach
--all       that long for each of them
--merge     first bring tests/fuzz/corpus up to date: the fewest inputs that
            lead wherever the checked-in and the new ones do

New inputs stay in DIR/corpus, an input that breaks something in DIR/found, and
how much code each target reached in DIR/fuzz.json, for the next run. The last
line has, in per_decoder, what was counted of each.
"""

import glob
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys

from wall import HERE, Wall, clean_env

SOURCE = os.path.dirname(os.path.dirname(HERE))
CORPUS = os.path.join(SOURCE, "tests/fuzz/corpus")

# A decoder that needs more for one input is broken.
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=64"]

# Edges of a decoder that has not run yet.
UNSEEN = 200

# What one corpus may grow to in the source tree.
FILES_MAX = 50
BYTES_MAX = 100 * 1024


def make(build):
    """Configure, if need be, and compile."""
    env = dict(clean_env(), CC="clang")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        subprocess.run(["meson", "setup", "-Dfuzz=true",
                        "-Db_sanitize=address,undefined", "-Db_lundef=false",
                        build, SOURCE],
                       check=True, env=env, stdout=subprocess.DEVNULL)
    told = subprocess.run(["meson", "introspect", "--buildoptions", build],
                          check=True, env=env, stdout=subprocess.PIPE).stdout
    if not any(o["name"] == "fuzz" and o["value"] for o in json.loads(told)):
        sys.exit(f"{build}: not a build for fuzzing; name another folder")
    subprocess.run(["ninja", "-C", build, "fuzz"], check=True, env=env,
                   stdout=subprocess.DEVNULL)


def last(pattern, text):
    """The last number that a pattern finds, or 0."""
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


class Target:
    """A decoder's program, and what it has come to."""

    def __init__(self, wall, program):
        self.wall, self.program = wall, program
        self.name = os.path.basename(program).removeprefix("fuzz_")
        self.seeds = os.path.join(CORPUS, self.name)
        self.new = os.path.join(wall.build, "corpus", self.name)
        for folder in self.seeds, self.new:
            os.makedirs(folder, exist_ok=True)

    def run(self, *words, folders):
        """The program's status, and all that it said."""
        ran = subprocess.run(
            [self.program, *LIMITS, *words, *folders], check=False,
            env=dict(clean_env(), TMPDIR=self.wall.scratch),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        return ran.returncode, ran.stderr.decode(errors="replace")

    def fuzz(self, seconds):
        """Fuzz, and say what was counted."""
        found = os.path.join(self.wall.build, "found", self.name)
        os.makedirs(os.path.dirname(found), exist_ok=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        status, said = self.run(
            f"-max_total_time={seconds}", "-print_final_stats=1", "-reload=0",
            f"-seed={self.wall.random.randrange(1, 1 << 32)}",
            f"-artifact_prefix={found}-", folders=[self.new, self.seeds])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if status != 0:
            self.wall.violation(f"{self.name}: status {status}\n"
                                f"{said[-3000:]}")
        return {"seconds": round(after.ru_utime - before.ru_utime +
                                 after.ru_stime - before.ru_stime, 1),
                "executions": last(r"number_of_executed_units: (\d+)", said),
                "edges": last(r"cov: (\d+)", said),
                "features": last(r"ft: (\d+)", said)}

    def merge(self):
        """Put the fewest inputs that reach every edge into the source tree.
        What has a name of its own stays: samples, and what once broke
        something."""
        chosen = self.wall.path("merge-" + self.name)
        os.makedirs(chosen)
        for path in glob.glob(os.path.join(self.seeds, "*-*")):
            shutil.copy(path, chosen)
        named = set(os.listdir(chosen))
        status, said = self.run("-set_cover_merge=1", "-use_counters=0",
                                folders=[chosen, self.seeds, self.new])
        if status != 0:
            self.wall.violation(f"{self.name}: merging: status {status}\n"
                                f"{said[-3000:]}")
            return
        for path in glob.glob(os.path.join(self.seeds, "*")):
            if os.path.basename(path) not in named:
                os.unlink(path)
        self.take(chosen, named)

    def take(self, chosen, named):
        """The smallest of the chosen ones, as long as there is room."""
        paths = sorted((os.path.join(chosen, name)
                        for name in os.listdir(chosen) if name not in named),
                       key=lambda p: (os.path.getsize(p), p))
        files = len(named)
        size = sum(os.path.getsize(os.path.join(chosen, n)) for n in named)
        left = 0
        for path in paths:
            size += os.path.getsize(path)
            if files == FILES_MAX or size > BYTES_MAX:
                left += 1
                continue
            files += 1
            with open(path, "rb") as f:
                name = hashlib.sha1(f.read()).hexdigest()
            shutil.copy(path, os.path.join(self.seeds, name))
        print(f"{self.name}: {files} inputs" +
              (f", no room for {left} more" if left else ""), flush=True)


def share(wall, targets, state):
    """How long each target may run: the more edges, the longer."""
    if wall.options.all:
        return [wall.options.seconds] * len(targets)
    edges = [state.get(t.name, {}).get("edges") or UNSEEN for t in targets]
    return [wall.options.seconds * n / sum(edges) for n in edges]


def main():
    wall = Wall("fuzz", __doc__.split("\n", maxsplit=1)[0],
                lambda p: p.add_argument("--merge", action="store_true"))
    make(wall.build)
    targets = [Target(wall, p) for p in sorted(
        glob.glob(os.path.join(wall.build, "tests/fuzz/fuzz_*")))
        if os.path.isfile(p)]
    path = os.path.join(wall.build, "fuzz.json")
    state = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            state = json.load(f)
    if wall.options.merge:
        for target in targets:
            target.merge()
    tried, found = 0, {}
    for target, seconds in zip(targets, share(wall, targets, state)):
        before = wall.violations
        counted = target.fuzz(max(1, round(seconds)))
        counted["violations"] = wall.violations - before
        tried += counted["executions"]
        found[target.name] = counted
        if counted["edges"]:
            state[target.name] = {"edges": counted["edges"]}
        with open(path + ".tmp", "w", encoding="utf-8") as f:
            json.dump(state, f, indent=1, sort_keys=True)
        os.replace(path + ".tmp", path)
        print(f"{target.name}: {counted['executions']} inputs, "
              f"{counted['edges']} edges", flush=True)
    wall.end(tried=tried, decoders=len(targets), per_decoder=found)


if __name__ == "__main__":
    main()
