# SPDX-License-Identifier: Apache-2.0
"""Every field of every structure of a store, as it was found, in words that
JSON knows: what a golden store must give for ever."""

import hashlib
import json

from keys import Epoch, Recipient, Vault
import page
from pack import Pack


def plain(value):
    """Bytes in hexadecimal; the rest as it is."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in (sorted(value) if isinstance(value, set)
                                   else value)]
    return value


def fields_of(store):
    """A dictionary for each structure."""
    yield {"store.conf": plain(store.conf.values)}
    vault = Vault(store.file(page.path_of("0600")), store.id)
    yield {"vault": plain(vault.head), "secrets": plain(vault.secrets)}
    yield {"checkpoint": store.ledger.checkpoint.size,
           "root": store.ledger.checkpoint.root.hex()}
    for leaf in store.ledger.leaves:
        yield _leaf(store, leaf)
    for leaf in store.ledger.of("pack sealed"):
        yield _pack(store, leaf)
    for snapshot in store.snapshots():
        yield {"manifest": snapshot.name,
               "pull": snapshot.leaf.clear["pull"],
               "packs": plain(snapshot.manifest.roots)}


def sum_of(store):
    """One sum over all of them."""
    total = hashlib.sha256()
    for found in fields_of(store):
        total.update(json.dumps(found).encode() + b"\n")
    return total.hexdigest()


def _leaf(store, leaf):
    found = {"leaf": leaf.number, "type": leaf.kind, "time": leaf.time,
             "before": leaf.before,
             "hash": store.ledger.hash_of(leaf).hex()}
    if leaf.kind == "recipient":
        recipient = Recipient(leaf.text, store.id)
        found["clear"] = plain(recipient.head)
    elif leaf.kind == "epoch":
        epoch = Epoch(leaf.text, store.id)
        found["clear"] = plain(epoch.head)
        found["wraps"] = [plain(v) for v, _ in epoch.wraps]
        found["opened"] = plain(epoch.open(*store.recipient))
    else:
        found["clear"] = plain(leaf.clear)
    if leaf.body:
        found["body"] = plain(leaf.body)
    return found


def _pack(store, leaf):
    pack = Pack(store.compartments[leaf.clear["compartment"]],
                leaf.clear["ordinal"], leaf.clear["pack root"])
    rows = [plain(pack.row(i)) for i in range(pack.row_count)]
    return {"pack": pack.ordinal, "header": plain(pack.head),
            "keys": plain(pack.sealed.keys), "trailer": plain(pack.trailer),
            "map": plain(pack.map), "rows": rows}
