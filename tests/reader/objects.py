# SPDX-License-Identifier: Apache-2.0
"""Section 7: what the objects of metadata packs say."""

import re

import page
from fields import INTEGERS, Cursor, Field, Struct, need

TYPES = page.section("7").table("type").numbers()


def _sentences(number, pattern):
    """One Struct for each group of the pattern."""
    return [Struct.text(g) for g in page.section(number).match(pattern)
            .groups()]


def _words(table):
    """{first word of the meaning: number}."""
    return {re.match(r"\w+", what)[0]: n
            for what, n in table.numbers().items()}


NODE, NODE_ENTRY = _sentences(
    "7.1", r"^ *(u8 level.*?); then per entry: (.*?\))\.")
ENTRY_KINDS = _words(page.section("7.1").table("kind"))
REPEATS_AT = page.section("7.1").number(r"repeat \(level #\)")
CHUNKS_AT = int(re.match(r"\((\d+): children are chunks",
                         NODE["level"].notes)[1])
CUTTERS = page.section("7.1").table("cutter").numbers()
PAGE_ROWS = page.section("7.2").tables[0].rows
PAGE = Struct([Field((r[0],), r[1]) for r in PAGE_ROWS[:3]])
OWNER = Struct.text(PAGE_ROWS[3][1])
ENTRY_LENGTH = Struct.text(PAGE_ROWS[4][1])
ENTRY_ROWS = page.section("7.2").tables[1].rows
FLAGS = {what.split(":")[0]: n for what, n in
         page.section("7.2").table("flag").numbers().items()}
CHILDREN, CHILD = _sentences(
    "7.3", r"^ *(u16 number of children.*?); then per child: ([^.]*)\.")
PAGES_AT = int(re.match(r", from (\d+) \(children are pages",
                        CHILDREN["level"].notes)[1])
ATTRIBUTES, ATTRIBUTE = _sentences(
    "7.4", r"^ *(u32 count); then, ascending by name: (.*?), name, value\.")
ROOT, PART = _sentences(
    "7.5", r"^ *(u16 number of parts.*?); each part: (.*?), bytes\.")
PARTS = {r[1]: (page.quantity(r[0]), r[2])
         for r in page.section("7.5").table("kind").rows}
TREE, PATH = (Struct.text(t) for t in re.fullmatch(
    r"(u16 .*?); owner names as in 7\.2; per path: (.*)",
    PARTS["tree"][1]).groups())
PROBLEMS = Struct.text(PARTS["problems"][1].split(";")[0])
CRITICAL = 1 << page.section("7.5").number(r"bit #: critical")
LIST, PROBLEM = _sentences(
    "7.6", r"^ *(u32 count); per problem: (.*?)\.")
REASONS = {page.quantity(n): what for n, what in re.findall(
    r"(\d+) ([a-z ]+)", page.section("7.6").match(r"Reasons: ([^.]*)\.")[1])}


def check_text(text, limit, what):
    need(b"\0" not in text and len(text) <= page.LIMITS[limit], what)


def ascending(before, now, what):
    need(before is None or before < now, f"{what}: order")


class ContentNode:
    """entries: (kind, begin, end) one behind the other."""

    def __init__(self, content, what):
        cursor = Cursor(content, what)
        head = NODE.take(cursor)
        self.level, self.cutter = head["level"], head["cutter"]
        self.length, n = head["length in all"], head["number of entries"]
        need(self.cutter in CUTTERS.values(), f"{what}: cutter")
        need(n <= page.LIMITS["entries of a content node"]
             and self.length <= page.LIMITS["length of a file"], what)
        self.entries, at = [], 0
        for _ in range(n):
            entry = NODE_ENTRY.take(cursor)
            kind, end = entry["kind"], entry["end"]
            need(end > at, f"{what}: order")
            need(kind in ENTRY_KINDS.values() and
                 (kind != ENTRY_KINDS["repeat"] or self.level == REPEATS_AT),
                 f"{what}: kind of an entry")
            self.entries.append((kind, at, end))
            at = end
        cursor.end()
        need(at == self.length, f"{what}: length")


def owner_names(cursor, count):
    """{(kind, number): name}"""
    names, before = {}, None
    for _ in range(count):
        owner = OWNER.take(cursor)
        key = owner["kind"], owner["number"]
        ascending(before, key, f"{cursor.what}: owner names")
        need(b"\0" not in owner["name"], f"{cursor.what}: owner names")
        names[key], before = owner["name"], key
    return names


def _entry_field(types, text):
    """(condition, field) of a row of the entry's table."""
    m = re.fullmatch(r"only (with flag \d+|\w+)(?: \([^)]*\))?: (.*)", text)
    return (m[1], Field(tuple(types.split(", ")), m[2])) if m else \
        (None, Field(tuple(types.split(", ")), text))


class Entry:
    """One name of a directory, or the root of a path. The attributes are
    the words of the page."""

    FIELDS = [_entry_field(*row) for row in ENTRY_ROWS[1:-1]]
    KINDS = FIELDS[0][1].choices
    # Which object types may hold the content of a kind.
    # No content, and the size of what has none.
    NONE = int(re.search(r": (\d) none", ENTRY_ROWS[2][1])[1])
    SIZELESS = int(re.search(r"else (\d)$", ENTRY_ROWS[9][1])[1])
    CONTENT = {kind: {int(n) for n in re.search(
        rf"([\d, ]+) for {word}", ENTRY_ROWS[2][1])[1].split(", ")}
        for kind, word in (("regular", "files"), ("directory", "directories"),
                           ("symbolic link", "links"))}
    LEAST, MOST = (int(n) for n in re.search(
        r"length (\d+) to (\d+)", ENTRY_ROWS[0][1]).groups())
    ROOT = int(re.search(r"; (\d+) only in a snapshot root",
                         ENTRY_ROWS[0][1])[1])
    NAME_TYPE = ENTRY_ROWS[0][0].split(", ")[0]
    NOT_NAMES = [n.encode("ascii") for n in
                 re.findall(r"`([^`]+)`", ENTRY_ROWS[0][1])]
    MODE_BITS = int(re.search(r"the (\d+) permission", ENTRY_ROWS[4][1])[1])
    TAG = Struct.text(re.match(r"tags: ([^;]*)", ENTRY_ROWS[-1][1])[1])
    TAG_CRITICAL = 1 << int(re.search(r"Bit (\d+) of a tag: critical",
                                      ENTRY_ROWS[-1][1])[1])

    def __init__(self, data, what, root=False):
        cursor = Cursor(data, what)
        self.what, self.values = what, {}
        self.size = len(data) + ENTRY_LENGTH.size
        self.name = cursor.counted(self.NAME_TYPE)
        for condition, field in self.FIELDS:
            if condition is None or self._has(condition):
                self.values[field.label] = field.take(cursor)
        self.tags = self._tags(cursor)
        cursor.end()
        self._check_name(root)
        self._check()

    def __getitem__(self, label):
        return self.values.get(label)

    def _has(self, condition):
        if condition.startswith("with flag"):
            return self["flags"] & int(condition.split(" ")[-1]) != 0
        return {"directories": self.kind == "directory",
                "devices": self.kind.endswith("device")}[condition]

    @property
    def kind(self):
        return self.KINDS[self["kind"]]

    def flag(self, begin):
        """Whether the flag is set whose meaning begins so."""
        return any(self["flags"] & n for what, n in FLAGS.items()
                   if what.startswith(begin))

    def _tags(self, cursor):
        tags, before = {}, None
        while cursor.at < len(cursor.data):
            values = self.TAG.take(cursor)
            ascending(before, values["tag"], f"{self.what}: tags")
            need(values["tag"] & self.TAG_CRITICAL == 0,
                 f"{self.what}: a tag that must be known")
            before = values["tag"]
            tags[before] = values["value"]
        return tags

    def _check_name(self, root):
        need(len(self.name) == self.ROOT if root else
             self.LEAST <= len(self.name) <= self.MOST, f"{self.what}: name")
        slash, *others = self.NOT_NAMES
        need(self.name not in others and slash not in self.name
             and b"\0" not in self.name, f"{self.what}: name")

    def _check(self):
        need(self["flags"] & ~sum(FLAGS.values()) == 0, self.what)
        need(self["mode"] >> self.MODE_BITS == 0, self.what)
        directory = self.kind == "directory"
        need(self["content"] in {self.NONE} | self.CONTENT.get(self.kind, set()),
             f"{self.what}: content")
        need(not (directory and self.flag("has a link group")), self.what)
        entered = not self.flag("directory not entered")
        need(directory or entered, self.what)
        if directory:
            need((self["content"] != self.NONE) == entered, f"{self.what}: content")
        elif self.kind == "symbolic link":
            need(self["content"] != self.NONE or self.flag("could not be read"),
                 f"{self.what}: no content")
        elif self.kind != "regular":
            need(self["size"] == self.SIZELESS, f"{self.what}: size")


def directory_page(content, what):
    """Its owner names, and its entries by their order."""
    cursor = Cursor(content, what)
    head = PAGE.take(cursor)
    names = owner_names(cursor, head["number of owner names"])
    entries, before = [], None
    for _ in range(head["number of entries"]):
        length = ENTRY_LENGTH.take(cursor)["length"]
        entry = Entry(cursor.take(length), what)
        ascending(before, entry.name, what)
        before = entry.name
        entries.append(entry)
    cursor.end()
    used = {key for e in entries for key in owners_of(e)}
    need(names.keys() <= used, f"{what}: owner names that nobody needs")
    return names, entries


def owners_of(entry):
    """The keys of its owner's and its group's name."""
    return [(n, entry[word]) for n, word in OWNER_KINDS]


OWNER_KINDS = [(n, "owner" if what == "user" else what)
               for n, what in OWNER["kind"].choices.items()]


def directory_node(content, what):
    """Its level, and the fields of each child."""
    cursor = Cursor(content, what)
    head = CHILDREN.take(cursor)
    n, children, before = head["number of children"], [], None
    need(0 < n <= page.LIMITS["children of a directory node"], what)
    for _ in range(n):
        children.append(CHILD.take(cursor))
        ascending(before, children[-1]["first name"], what)
        before = children[-1]["first name"]
    cursor.end()
    return head["level"], children


def attributes(content, what):
    cursor = Cursor(content, what)
    found, before = {}, None
    for _ in range(ATTRIBUTES.take(cursor)["count"]):
        lengths = ATTRIBUTE.take(cursor)
        name = cursor.take(lengths["length of the name"])
        ascending(before, name, what)
        need(name and b"\0" not in name, f"{what}: name")
        found[name] = cursor.take(lengths["length of the value"])
        before = name
    cursor.end()
    return found


def snapshot_root(content, slots, what):
    """Its paths as (path, entry, slots), all owner names, and of the
    problems their number and slots."""
    cursor = Cursor(content, what)
    known = {number for number, _ in PARTS.values()}
    parts, before = {}, None
    for _ in range(ROOT.take(cursor)["number of parts"]):
        part = PART.take(cursor)
        kind = part["kind"]
        ascending(before, kind, what)
        before = kind
        need(kind in known or kind & CRITICAL == 0,
             f"{what}: a part that must be known")
        count = part["number of slots it uses"]
        need(count <= len(slots), f"{what}: slots")
        parts[kind] = cursor.take(part["length"]), slots[:count]
        slots = slots[count:]
    cursor.end()
    need(not slots, f"{what}: slots left over")
    need(PARTS["tree"][0] in parts, f"{what}: no tree")
    paths, names = _tree(*parts[PARTS["tree"][0]], what)
    count, lists = 0, []
    if PARTS["problems"][0] in parts:
        data, lists = parts[PARTS["problems"][0]]
        count = PROBLEMS.read(data, what)["number"]
        need(count and len(lists) == 1, f"{what}: problems")
    return paths, names, count, lists


def _tree(data, slots, what):
    cursor = Cursor(data, what)
    head = TREE.take(cursor)
    need(head["number of paths"], f"{what}: no path")
    names = owner_names(cursor, head["number of owner names"])
    paths = []
    for _ in range(head["number of paths"]):
        path = PATH.take(cursor)
        need(path["path"].startswith(b"/"), f"{what}: path")
        check_text(path["path"], "path", what)
        entry = Entry(path["entry"], f"{what}: {path['path']}", root=True)
        count = slots_of(entry)
        need(count <= len(slots), f"{what}: slots")
        paths.append((path["path"], entry, slots[:count]))
        slots = slots[count:]
    cursor.end()
    need(not slots, f"{what}: slots left over")
    return paths, names


def _check_prose():
    """What the text around the tables says of flags and numbers."""
    flags = {begin: n for what, n in FLAGS.items() for begin in (
        "could not be read", "directory not entered") if
        what.startswith(begin)}
    unread, entered = flags.values()
    page.agree([int(n) for n in page.section("7.2").match(
        r"file with content (\d) is empty or, where size is above (\d), one "
        r"hole; with flag (\d) nothing of it could be read\. A link without "
        r"content has flag (\d), a directory without content flag (\d+)\.")
        .groups()], [Entry.NONE, 0, unread, unread, entered])
    page.section("7.3").match(
        "`" + re.escape(CHILD["entries in it"].label) + "` makes any number")
    before, after = page.section("7.5").match(
        r"that of part (\d) comes before those of part (0x\d+)\.").groups()
    page.agree([PARTS["problems"][0], PARTS["tree"][0]],
               [page.quantity(before), page.quantity(after)])
    most, kept = page.section("7.6").match(
        r"a name of more than ([\d,]+) bytes keeps its last ([\d,]+)\)"
    ).groups()
    page.agree(most, kept)
    page.agree(page.quantity(most),
               (1 << 8 * INTEGERS[PROBLEM["name"].kinds[0]]) - 1)


def slots_of(entry):
    return (entry["content"] != entry.NONE) + entry.flag("has attributes")


def problem_list(content, what):
    cursor = Cursor(content, what)
    found = []
    for _ in range(LIST.take(cursor)["count"]):
        problem = PROBLEM.take(cursor)
        need(problem["reason"] in REASONS, f"{what}: reason")
        found.append(problem)
    cursor.end()
    return found


_check_prose()
