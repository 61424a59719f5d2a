#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the programs write now against what they wrote when the golden store
was made: the same planted sources, secrets and times must give the same ids.
Else a store would keep everything twice from this version on."""

import os
import sys

sys.dont_write_bytecode = True

import unpacked  # noqa: E402
import wall  # noqa: E402  (of tests/walls)
import writing  # noqa: E402
from writing import BEGAN, DAY, plan  # noqa: E402


def main():
    run = wall.Wall("golden-again", __doc__)
    golden = unpacked.Golden(unpacked.numbers()[-1], run.path("golden"))
    os.mkdir(run.path("new"))
    writer = writing.Writer(run.build, run.path("new"))
    keys = writer.make()
    wanted = golden.expected["snapshots"]
    alpha = plan.alpha(keys)
    found = [
        writer.pull("alpha", alpha, BEGAN + DAY, "--exclude", "*.tmp",
                    "--exclude-caches", "--cross-file-systems", status=3),
        writer.pull("beta-2.x_y", plan.beta(keys), writing.BEFORE, status=3),
        writer.pull("alpha", plan.alpha_later(alpha), BEGAN + 60 * DAY)]
    for one, other in zip(found, wanted):
        for field in ("root", "entries", "bytes", "problems"):
            if one[field] != other[field]:
                run.violation(f"{other['snapshot']}: {field} is "
                              f"{one[field]} and was {other[field]}")
    # Beside the ids, which must be so: is it every byte up to here?
    same = sum(one["id"] == other["id"] for one, other in zip(found, wanted))
    run.end(tried=len(found), k=1, same_leaves=same)


if __name__ == "__main__":
    main()
