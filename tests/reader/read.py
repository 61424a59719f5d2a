#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The second reader, written from docs/format.md alone.

    read.py STORE PASSPHRASE-FILE snapshots
    read.py STORE PASSPHRASE-FILE list SNAPSHOT
    read.py STORE PASSPHRASE-FILE extract SNAPSHOT TARGET
    read.py STORE PASSPHRASE-FILE check

SNAPSHOT is NAME@latest or the first digits of an id. What is printed is
JSON, a line each. Every byte is checked as the page asks for before it is
used; what does not hold ends the reader with status 1.
"""

import argparse
import json
import sys

sys.dont_write_bytecode = True

from audit import audit  # noqa: E402
from extract import Extraction  # noqa: E402
from fields import Refused  # noqa: E402
from listing import listing  # noqa: E402
from store import Store  # noqa: E402


def line(values):
    print(json.dumps(values))


def main():
    parser = argparse.ArgumentParser(
        description="Read a store by docs/format.md alone.")
    parser.add_argument("store")
    parser.add_argument("passphrase_file")
    parser.add_argument("verb", choices=("snapshots", "list", "extract",
                                         "check"))
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    with open(args.passphrase_file, "rb") as f:
        passphrase = f.read().removesuffix(b"\n")
    try:
        store = Store(args.store, passphrase)
        if args.verb == "snapshots":
            for each in store.snapshots():
                line({"id": each.name, "source": each.source})
        elif args.verb == "list":
            for each in listing(store.snapshot(*args.words)):
                line(each)
        elif args.verb == "check":
            line(audit(store))
        elif args.verb == "extract":
            snapshot, target = args.words
            for path, why in Extraction(store.snapshot(snapshot), 0,
                                        target).run():
                print(f"read.py: left out: {path}: {why}", file=sys.stderr)
    except Refused as e:
        print(f"read.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
