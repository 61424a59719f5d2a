# SPDX-License-Identifier: Apache-2.0
"""A snapshot compared with what the agent said of its source."""

from fields import need
from formulas import run
from keys import derived
from listing import contents
from objects import OWNER_KINDS
from wire import UNREAD_END
import page

FLAGS = page.section("7.2")
SAME_DEVICE = FLAGS.number("device = # on the device of the path's root")


def check_said(snapshot, listed):
    """Each entry of the first path is what was listed, and all that was
    sent of it is there. How many entries, and how many contents."""
    link_key = derived("link key of a source",
                       compartment_secret=snapshot.compartment.secret,
                       source_name=snapshot.source.encode("ascii"))
    device, entries, sent = listed[None][b""].fields["device"], 0, 0
    for number, path, entry, slots, names in snapshot.walk():
        if number != 0:
            continue
        above, _, name = path.rpartition(b"/")
        said = listed[above if path else None][name]
        _check_fields(entry, said, names)
        _check_group(entry, said, link_key, device)
        entries, sent = entries + 1, sent + _check_sent(snapshot, entry,
                                                        slots, said)
    return entries, sent


def _check_fields(entry, said, names):
    fields, what = said.fields, f"{entry.what}: {entry.name}"
    need(entry["kind"] == fields["kind"] and entry["mode"] == fields["mode"]
         and entry["owner"] == fields["owner"]
         and entry["group"] == fields["group"]
         and entry["major number"] in (None, fields["major"])
         and entry["minor number"] in (None, fields["minor"]),
         f"{what}: not as listed")
    need(entry.kind != "directory"
         or entry.flag("could not be read") == said.in_part,
         f"{what}: whether all of it is there")
    need(entry.flag("lacks attributes") == said.lacks_attributes,
         f"{what}: whether all its attributes are there")
    need([names.get((kind, entry[who]), b"") for kind, who in OWNER_KINDS]
         == said.names, f"{what}: names of its owners")
    end = said.file.end if said.file else None
    opened = end and not (end["flags"] & UNREAD_END and end["size"] == 0)
    times = end if opened else fields
    need(entry["modification time"] == times["mtime"]
         and entry["status change time"] == times["ctime"], f"{what}: times")


def _check_group(entry, said, link_key, device):
    fields = said.fields
    grouped = entry.kind != "directory" and fields["links"] > 1
    need(grouped == entry.flag("has a link group")
         or said.fields["name"] == b"", f"{entry.what}: link group")
    if not entry.flag("has a link group"):
        return
    group = run(FLAGS.formula("Link group"), {
        "link key": link_key, "path number": 0, "inode": fields["inode"],
        "device": SAME_DEVICE if fields["device"] == device
                  else fields["device"]})
    need(entry["link group"] == group
         and entry["number of links at the source"] == fields["links"],
         f"{entry.what}: link group")


def _check_sent(snapshot, entry, slots, said):
    what = f"{entry.what}: {entry.name}"
    if said.attributes is not None:
        need(snapshot.attributes(entry, slots) == said.attributes,
             f"{what}: attributes")
    if said.target is not None:
        need(snapshot.target(entry, slots) == said.target, f"{what}: target")
    if said.file is None or said.file.end is None:
        return 0
    if said.file.at:
        have = contents(snapshot, entry, slots)
        need(entry["size"] == said.file.at
             and have.end() == said.file.digest.end()
             and have.map == said.file.digest.map, f"{what}: content")
    return 1
