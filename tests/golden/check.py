#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each golden store, read by the second reader and by the programs: both
must find what was planted, all of it, and nothing else."""

import json
import os
import sys

sys.dont_write_bytecode = True

import unpacked  # noqa: E402
import wall  # noqa: E402  (of tests/walls)
import audit  # noqa: E402  (of tests/reader)
import cache  # noqa: E402
import compare  # noqa: E402
import everything  # noqa: E402
import listing  # noqa: E402
import page  # noqa: E402
import refusals  # noqa: E402

FIRST_NUMBER = page.section("7.3").number(
    "The root of a path has number #; the entries")
READ = os.path.join(os.path.dirname(unpacked.HERE), "reader/read.py")
SHOWN = 3
UNREAD = 8                      # of an entry's flags


class Check(wall.Wall):
    """tried counts what was compared."""

    tried = 0

    def same(self, what, found, wanted):
        self.tried += 1
        if found != wanted:
            self.violation(f"{what}: {str(found)[:400]} instead of "
                           f"{str(wanted)[:400]}")

    def same_lines(self, what, found, wanted):
        """Of lists of dictionaries: what is wanted must be so."""
        self.same(f"{what}: lines", len(found), len(wanted))
        self.tried += len(wanted)
        bad = [(one, line) for one, line in zip(found, wanted)
               if any(one.get(k) != v for k, v in line.items())]
        for one, line in bad[:SHOWN]:
            self.same(what, {k: one.get(k) for k in line}, line)
        if len(bad) > SHOWN:
            self.violation(f"{what}: and {len(bad) - SHOWN} more")


def rows(snapshot):
    """The entries as a list has them: in pre-order, numbered."""
    found, numbers = [], {}
    for number, (root, path, entry, slots, names) in enumerate(
            snapshot.walk(), FIRST_NUMBER):
        numbers[path] = number
        line = listing.describe(snapshot, root, path, entry, slots, names)
        above, _, name = path.rpartition(b"/")
        line.update(number=number, name=listing.escape(name),
                    up=numbers[above] if path else None)
        found.append(line)
    return found


# The second reader.

def check_reader(check, golden):
    wrong, tried = refusals.failures()
    check.same("structures made by hand", wrong, [])
    check.tried += tried
    store, expected = golden.open(), golden.expected
    for name, place in (("store id", store.id), ("log key", store.log_key),
                        ("compartment secret",
                         store.compartments[1].secret)):
        check.same(name, place.hex(), expected["planted"][name])
    check.same("audit", audit.audit(store)["snapshots"],
               len(golden.snapshots))
    check.same("sum of all fields", everything.sum_of(store),
               expected["fields"])
    snapshots = store.snapshots()
    check.same("ids", [s.name for s in snapshots], [
        e["id"] for e in golden.snapshots])
    for snapshot, one in zip(snapshots, expected["snapshots"]):
        check_snapshot(check, golden, snapshot, one)
    latest = {s.source: s for s in snapshots}
    for source, snapshot in latest.items():
        cache.check_records(snapshot, 0, golden.cache("stat"),
                            golden.said(snapshot.name))
        check.tried += 1
    cache.check_state(dict(golden.cache("stat")), store)
    check.tried += cache.check_index(golden.cache("index"), store)


def check_snapshot(check, golden, snapshot, one):
    what, body = one["snapshot"], snapshot.body
    began = listing.nanoseconds(body["real-time clock"])
    check.same(what, {
        "root": body["id"].hex(), "source": snapshot.source,
        "complete": snapshot.leaf.complete, "clock": began,
        "entries": body["entries"], "files": body["regular files"],
        "directories": body["directories"], "bytes": body["file bytes"],
        "bytes_read": body["file bytes read from the source"],
        "bytes_stored": body["bytes added to packs"],
        "problems": body["problems"], "packs": len(snapshot.manifest.roots),
        "seconds": body["duration"],
    }, {k: v for k, v in one.items() if k not in (
        "snapshot", "id", "changed", "said", "list", "listed problems")})
    check.same(f"{what}: location", body["location"].decode(),
               f"anna@{snapshot.source}.example:/planted")
    check.same_lines(what, rows(snapshot), golden.list(one["list"]))
    check.same(f"{what}: problems", sorted(
        [p["reason"], p["source's errno"],
         listing.escape(p["name below the path"])]
        for p in snapshot.problems()),
        sorted(golden.list(one["listed problems"])))
    listed = golden.said(snapshot.name)
    if listed:
        compare.check_said(snapshot, listed)
        check.tried += 1


# The programs.

def check_programs(check, golden, build):
    store = wall.Store(build, golden.folder, golden.pass_file)
    ran = store.do("verify", "--read-data", "--json")
    check.same("verify", (ran.status, json.loads(ran.out or "{}").get("ok")),
               (0, True))
    check.same("snapshots", [s["id"] for s in store.snapshots() or []],
               [e["id"] for e in golden.snapshots])
    for one in golden.expected["snapshots"]:
        ran = store.do("ls", "--recursive", "--json", one["id"])
        lines = [json.loads(line) for line in ran.out.splitlines()]
        check.same(f"ls {one['id']}", (ran.status, len(lines)),
                   (0, one["entries"] - 1))
        if os.geteuid() == 0:
            check_restore(check, golden, store, one)


def read(golden, *words):
    """The second reader as somebody calls it by hand."""
    return wall.run([sys.executable, READ, golden.folder, golden.pass_file,
                     *words])


def check_commands(check, golden):
    """Of what read.py prints, what is nowhere else compared."""
    ran = read(golden, "snapshots")
    check.same("read.py snapshots", (ran.status, [
        json.loads(line)["id"] for line in ran.out.splitlines()]),
        (0, [e["id"] for e in golden.snapshots]))
    ran = read(golden, "check")
    check.same("read.py check", (ran.status, json.loads(
        ran.out or "{}").get("snapshots")), (0, len(golden.snapshots)))
    for one in golden.expected["snapshots"]:
        ran = read(golden, "list", one["id"])
        check.same(f"read.py list {one['id']}", ran.status, 0)
        wanted = [dict(line, path=path or ".") for path, line in
                  with_paths(golden.list(one["list"]))]
        for line in wanted:
            for key in ("number", "name", "up"):
                del line[key]
        check.same_lines(
            f"read.py list {one['id']}",
            [json.loads(line) for line in ran.out.splitlines()],
            sorted(wanted, key=lambda line: unescape(line["path"])))


def check_restore(check, golden, store, one):
    """Devices and owners need root."""
    target, ours = check.path("restored"), check.path("extracted")
    ran = store.do("restore", one["id"], "--target", target)
    wanted = on_disk(golden.list(one["list"]))
    missing = one["problems"] or any(
        line["flags"] & UNREAD for line in golden.list(one["list"]))
    check.same(f"restore {one['id']}", ran.status, 3 if missing else 0)
    found = lines_of(check, target)
    check.same_lines(f"restored {one['id']}", found, wanted)
    # The second reader must give the same, whole lines.
    os.mkdir(ours)
    ran = read(golden, "extract", one["id"], ours)
    check.same(f"read.py extract {one['id']}", ran.status, 0)
    check.same_lines(f"extracted {one['id']}", lines_of(check, ours), found)
    wall.remove(target)
    wall.remove(ours)


def lines_of(check, folder):
    lines, whole = wall.treedump.describe(folder, as_text=False)
    check.same("treedump", whole, True)
    return [json.loads(line) for line in lines]


def with_paths(lines):
    """(path, line) of each."""
    paths = {}
    for line in lines:
        above = paths.get(line["up"])
        path = line["name"] if not above else f"{above}/{line['name']}"
        paths[line["number"]] = path
        yield path, line


def on_disk(lines):
    """What treedump.py must say of them. What could not be read at all is
    not there; names that are elsewhere do not count as links."""
    found, groups = [], {}
    for path, line in with_paths(lines):
        if line["flags"] & UNREAD and not line["content"] and (
                line["size"] or line["type"] == "l"):
            continue
        found.append({"path": path or ".", "nlink":
                      None if line["type"] == "d" else 1, **{
                          k: line[k] for k in (
                              "type", "mode", "uid", "gid", "size", "mtime",
                              "rdev", "sha256", "target", "xattr", "map")}})
        if line["links"]:
            groups.setdefault(line["links"], []).append(found[-1])
    for members in groups.values():
        for line in members:
            line["nlink"] = len(members)
    return sorted(found, key=lambda line: unescape(line["path"]))


def unescape(path):
    return path.encode("ascii").decode("unicode_escape").encode("latin-1")


def main():
    check = Check("golden", __doc__)
    for number in unpacked.numbers():
        golden = unpacked.Golden(number, check.path(f"golden-{number}"))
        check_reader(check, golden)
        check_commands(check, golden)
        check_programs(check, golden, check.build)
    check.end(tried=check.tried, k=1, stores=len(unpacked.numbers()))


if __name__ == "__main__":
    main()
