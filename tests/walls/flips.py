#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wall: every byte of a small store, with one random bit flipped. The work is
done by flips.c, in one process; its head says what is held."""

import json
import os
import subprocess

import small
import wall


def main():
    w = wall.Wall("flips", __doc__)
    store, _ = small.make(w)
    whole = w.path("whole")
    wall.copy(store.path, whole)
    seconds = 0 if w.options.all else w.options.seconds
    words = [os.path.join(w.build, "tests/walls/flips"), whole,
             store.pass_file, str(w.options.seed),
             str(seconds * 0.6), str(seconds * 0.2), str(seconds * 0.2)]
    print("+", " ".join(words), flush=True)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        last = ""
        for last in child.stdout:
            if last.startswith("VIOLATION: "):
                w.violation(last[11:].strip())
            elif not last.startswith("{"):
                print(last, end="", flush=True)
    if child.returncode not in (0, 1) or not last.startswith("{"):
        w.violation(f"flips ended with {child.returncode}")
        w.end(tried=0)
    told = json.loads(last)
    tried = sum(int(n.split("/")[1]) for n in told["scrub"].values()
                if isinstance(n, str))
    w.violations = max(w.violations, told.pop("violations"))
    w.end(tried=tried, **told)


if __name__ == "__main__":
    main()
