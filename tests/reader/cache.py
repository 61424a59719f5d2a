# SPDX-License-Identifier: Apache-2.0
"""Section 11: the stat records of a source, compared with what the agent
listed and with the snapshot that came of it."""

import re

import page
from fields import INTEGERS, Cursor, Struct, need
from formulas import HALF, run, siphash
from keys import derived
from objects import FLAGS, TYPES
from pack import REFERENCE

INNER = {TYPES["directory node"], TYPES["content node"]}
CACHE = page.section("11")
TABLE = CACHE.table("type", "field")
PLAIN = Struct.text("; ".join(f"{kind} {text}" for kind, text in
                              TABLE.rows[:5]))
FIRST = Struct.text(TABLE.row("only in the first range")[1]
                    .rpartition("; u32 each")[0])
ENTRY = Struct.text(TABLE.row("per entry")[1]
                    .partition("; content reference")[0])
page.agree([r[0] for r in TABLE.rows[5:]], ["only in the first range",
                                            "per entry"])
REFS, REFS_AGAIN, ORDINALS = re.fullmatch(
    r".*; content reference \((\d+), if content is not 0\); attribute "
    r"reference \((\d+), if any\); (u32 number of ordinals); u32 each",
    TABLE.row("per entry")[1]).groups()
page.agree(page.quantity(REFS), page.quantity(REFS_AGAIN), REFERENCE.size)
NAME_LENGTH = INTEGERS[re.search(r"each followed by (\w+) length and bytes of "
                                 r"its owner's", TABLE.rows[4][1])[1]]
# All parts of a key are hashes of eight bytes, but for these.
SOURCE, PATH, COMPONENT, RANGE, BELOW = CACHE.match(
    r"Key: u8 \d; bytes\[(\d+)\] `MAC-\d+\(stat key, \"source\"\)`; (\w+) "
    r"path number \(big-endian\); per component of the directory's path "
    r"bytes\[(\d+)\] `[^`]*`, .*; then bytes\[(\d+)\] range: .* components, "
    r"bytes\[(\d+)\] `MAC-256\(stat key, \"deep\"").groups()
HASH = HALF // 8
page.agree([HASH] * 3 + [256 // 8],
           [int(n) for n in (SOURCE, COMPONENT, RANGE, BELOW)])
page.agree(CACHE.number(r"parent's # bytes \|\| name\)`, the parent's"), HASH)
KIND = CACHE.number(r"\*\*Stat record\.\*\* Key: u8 #;")
NONCE = CACHE.number("Value: # random bytes of nonce")
DEEP = CACHE.number("deeper than # has")
RANGE_LEAST, RANGE_LOW, RANGE_HIGH, RANGE_MOST = (
    page.quantity(n) for n in CACHE.match(
        r"from the (\d+)th of its range on, whose name's SipHash-2-4 "
        r"\(page key\) has bits (\d+) to (\d+) zero, and after the ([\d,]+)th"
    ).groups())
NAME_MOST = page.section("7.6").number(r"name of more than # bytes")
TRUSTED = CACHE.number("within # seconds of")
GROUP = FLAGS["has a link group"]
INDEX_KEY, INDEX = CACHE.match(
    r"`cache/index`: RocksDB\. Key: id \((\d+)\)\. Value: ([^.]*)\.").groups()
INDEX_KEY, INDEX = page.quantity(INDEX_KEY), Struct.text(INDEX)
STATE_KEY, STATE = CACHE.match(
    r"In both, key `\\x00(\w+)` \(\d bytes\): (bytes.*?)\. ").groups()
STATE_KEY, STATE = b"\0" + STATE_KEY.encode("ascii"), Struct.text(STATE)
page.agree(CACHE.number(r"` \(# bytes\): bytes"), len(STATE_KEY))


def formula(begin):
    """The formula on the page, or in its table, that begins so."""
    return CACHE.match(rf"`({re.escape(begin)}[^`]*)`")[1]


class Source:
    """The keys under which the records of one source lie."""

    def __init__(self, snapshot, number):
        keys = snapshot.compartment
        self.page_key, self.number = keys.page_key, number
        self.key = derived("stat key of a source",
                           compartment_secret=keys.secret,
                           source_name=snapshot.source.encode("ascii"))

    def run(self, begin, **names):
        return run(formula(begin), {"stat key": self.key, **{
            k.replace("_", " "): v for k, v in names.items()}})

    def hash(self, parent, name):
        return self.run('MAC-64(stat key, "n" || parent', name=name,
                        **{"parent's_8_bytes": parent})

    def range(self, name):
        """What names a range after the first."""
        return self.run('MAC-64(stat key, "n" || 8', name=name)

    def folder(self, path):
        """What its keys begin with."""
        here, parts = bytes(HASH), []
        for name in path.split(b"/") if path else ():
            here = self.hash(here, name)
            parts.append(here)
        place = b"".join(parts)
        if len(parts) > DEEP:
            place = self.run('MAC-256(stat key, "deep"', them=place)
        return (bytes([KIND]) + self.run('MAC-64(stat key, "source"')
                + self.number.to_bytes(INTEGERS[PATH], "big") + place)

    def ranges(self, entries):
        """The entries of a directory, with their slots, cut as its records
        are."""
        found = [[]]
        for entry in entries:
            found[-1].append(entry)
            n, bits = len(found[-1]), siphash(self.page_key, entry[0].name)
            if n == RANGE_MOST or n >= RANGE_LEAST and \
                    (bits >> RANGE_LOW) % (1 << RANGE_HIGH - RANGE_LOW + 1) \
                    == 0:
                found.append([])
        return found if found[-1] or len(found) == 1 else found[:-1]


class Record:
    """One value, opened."""

    def __init__(self, source, key, value):
        what = f"stat record {key.hex()}"
        seal = formula("seal(stat key")
        cursor = Cursor(run(seal, {
            "stat key": source.key, "nonce": value[:NONCE], "key": key,
            "plain": value[NONCE:]}), what)
        self.head = PLAIN.take(cursor)
        self.first = self.head["flags"] & 1 != 0
        self.folder, self.packs, self.entries = None, [], []
        if self.first:
            self.folder = FIRST.take(cursor)
            self.packs = self._ordinals(
                cursor, self.folder["number of ordinals"])
        for _ in range(self.head["number of entries"]):
            entry = ENTRY.take(cursor)
            refs = [cursor.take(page.quantity(REFS)) for _ in range(
                (entry["content"] != 0) + entry["attributes"])]
            count = Struct.text(ORDINALS).take(cursor)["number of ordinals"]
            need(not self.entries or
                 self.entries[-1][0]["hash"] < entry["hash"],
                 f"{what}: order")
            self.entries.append((entry, refs,
                                 self._ordinals(cursor, count)))
        cursor.end()

    def _ordinals(self, cursor, count):
        found = [cursor.number("u32") for _ in range(count)]
        need(found == sorted(set(found)), f"{cursor.what}: ordinals")
        return found


def check_state(rows, store):
    """A database says which ledger it reflects."""
    state = STATE.read(rows[STATE_KEY], "cache", store_id=store.id)
    size = state["ledger size"]
    need(0 < size <= len(store.ledger.leaves)
         and state["hash of the last"] == store.ledger.hashes[size - 1],
         "cache: of another ledger")


def check_index(pairs, store):
    """Every address of the index leads to its id. How many there are."""
    rows = dict(pairs)
    check_state(rows, store)
    del rows[STATE_KEY]
    packs = {leaf.clear["ordinal"]: store.pack(
        store.compartments[leaf.clear["compartment"]],
        leaf.clear["ordinal"], leaf.clear["pack root"])
        for leaf in store.ledger.of("pack sealed")}
    for key, value in rows.items():
        need(len(key) == INDEX_KEY, "index: key")
        address = INDEX.read(value, "index")
        need(packs[address["ordinal"]].row(address["row"])["id"] == key,
             "index: an address of another id")
    return len(rows)


class Folder:
    """A directory of a snapshot and what it holds directly."""

    def __init__(self, entry, slots):
        self.entry, self.slots, self.below = entry, slots, []


def folders(snapshot, number):
    """{path: Folder} of one path of a snapshot."""
    found = {}
    for root, path, entry, slots, _ in snapshot.walk():
        if root != number:
            continue
        if path:
            above = path.rpartition(b"/")[0]
            found[above].below.append((entry, slots))
        if entry.kind == "directory":
            found[path] = Folder(entry, slots)
    return found


def check_records(snapshot, number, pairs, listed=None):
    """Each record says what the snapshot says, and if the agent's listing
    is at hand, what that said. How many records and entries there were."""
    source, rows = Source(snapshot, number), dict(pairs)
    records = entries = 0
    for path, folder in folders(snapshot, number).items():
        if not folder.entry["content"]:
            continue
        place = source.folder(path)
        ranges = source.ranges(folder.below)
        names = [bytes(HASH)] + [source.range(r[0][0].name)
                                 for r in ranges[1:]] + [bytes(HASH)]
        for i, members in enumerate(ranges):
            key = place + names[i]
            record = Record(source, key, rows[key])
            need(record.first == (i == 0)
                 and record.head["next range"] == names[i + 1],
                 f"{path}: ranges")
            if record.first:
                _check_folder(snapshot, record, folder)
            entries += _check_entries(snapshot, source, record, path,
                                      members)
            if listed is not None:
                _check_listing(source, record, members, listed[path])
            records += 1
    return records, entries


def _packs(snapshot, slot):
    """The ordinals of the packs of an object and of the nodes below it."""
    address = REFERENCE.read(slot, "reference")
    row = snapshot.pack(address["pack ordinal"]).row(address["row"])
    below = snapshot.object(slot, row["object type"]).refs \
        if row["object type"] in INNER else []
    return {address["pack ordinal"]}.union(*(_packs(snapshot, b)
                                             for b in below))


def _check_folder(snapshot, record, folder):
    said, entry = record.folder, folder.entry
    address = REFERENCE.read(folder.slots[0], "slot")
    need((said["id"], said["ordinal"], said["row"]) ==
         (address["id"], address["pack ordinal"], address["row"])
         and said["type"] == entry["content"]
         and said["entries below"] == entry["number of entries below it"]
         and said["file bytes"] == entry["size"],
         f"{entry.what}: its record says otherwise")
    need(set(record.packs) == _packs(snapshot, folder.slots[0]),
         f"{entry.what}: packs of its pages")


def _left_out(snapshot, path, entry):
    """Whether its times are so near to the pull that a change may have
    escaped it, or whether it had a problem."""
    began, slack = snapshot.body["real-time clock"][0], 60
    near = TRUSTED + snapshot.body["duration"] + slack
    return path[-NAME_MOST:] in snapshot.problem_names or any(
        abs(entry[t][0] - began) <= near
        for t in ("modification time", "status change time"))


def _check_entries(snapshot, source, record, path, members):
    said = {e["hash"]: (e, refs, packs) for e, refs, packs in record.entries}
    for entry, slots in members:
        below = (path + b"/" if path else b"") + entry.name
        found = said.pop(source.run('MAC-128(stat key, "e"',
                                    name=entry.name), None)
        if found is None:
            need(_left_out(snapshot, below, entry),
                 f"{entry.what}: not in its record: {below}")
            continue
        values, refs, packs = found
        flags = entry["flags"] & ~GROUP
        need(values["kind"] == entry["kind"] and values["flags"] == flags
             and values["content"] == entry["content"]
             and values["size"] == entry["size"]
             and values["mtime"] == entry["modification time"]
             and values["ctime"] == entry["status change time"],
             f"{entry.what}: its record says otherwise: {entry.name}")
        need(values["attributes"] == entry.flag("has attributes")
             and refs == slots, f"{entry.what}: references")
        needs = {REFERENCE.read(refs[0], "slot")["pack ordinal"]} if \
            entry.kind == "directory" and refs else set()
        needs.update(*(_packs(snapshot, slot) for slot in
                       refs[entry.kind == "directory":]))
        need(set(packs) == needs, f"{entry.what}: packs in its record")
    need(not said, "stat record: entries of no name")
    return len(members)


def _check_listing(source, record, members, listed):
    """listed: by name, as wire.Talk.listed has it."""
    text = b""
    for entry, _ in members:
        said = listed[entry.name]
        text += said.raw + b"".join(
            len(n).to_bytes(NAME_LENGTH, "little") + n for n in said.names)
    need(record.head["digest"] == source.run(
        'MAC-128(stat key, "l"', the_listing=text), "stat record: digest")
    by_hash = {source.run('MAC-128(stat key, "e"', name=e.name): e.name
               for e, _ in members}
    for values, _, _ in record.entries:
        fields = listed[by_hash[values["hash"]]].fields
        need(values["inode"] == fields["inode"]
             and values["device"] == fields["device"], "stat record: inode")
