# SPDX-License-Identifier: Apache-2.0
"""Sections 2, 4 and 5: store.conf, and from a passphrase to keys."""

import re

from nacl import bindings

import page
from fields import Cursor, Struct, need
from formulas import run, x25519

KEYS = {r[0]: r[1] for r in page.section("2").table("key", "made").rows}
WRAP = Struct.table(page.section("2.1").table("offset"))
RECIPIENT = Struct.table(page.section("5.2").table("offset"))
EPOCH = Struct.table(page.section("5.3").table("offset"))
VAULT = Struct.table(page.section("5.1").table("offset"))


def derived(name, **names):
    """A key of the table in section 2, from those that it is made of."""
    m = re.fullmatch(r"(?:first (\d+) bytes of )?`([^`]+)`", KEYS[name])
    if not m:
        raise page.PageError(f"no formula for {name}")
    key = run(m[2], {k.replace("_", " "): v for k, v in names.items()})
    return key[:page.quantity(m[1])] if m[1] else key


def known(name, value):
    """A key that is made at random must be as long as the table says."""
    size = re.search(r"random (\d+)[- ]byte", KEYS[name])
    if size:
        page.agree(int(size[1]), len(value))
    return value


def parts(text, data):
    """`this (32), that (8)` of bytes, as {"this": ..., "that": ...}."""
    cursor, found = Cursor(data, text), {}
    for part in page.split(text, (", ",)):
        name, n = re.fullmatch(r"(.+) \((\d+)\)", part).groups()
        found[name] = cursor.take(page.quantity(n))
    cursor.end()
    need(not any(found.get("zero", b"")), "not zero")
    return found


def open_wrap(data, secret, label, context, what):
    """The payload that a wrap carries to the holder of an X25519 secret."""
    cursor = Cursor(data, what)
    head = WRAP.take(cursor)
    public = bindings.crypto_scalarmult_base(secret)
    names = {"S": x25519(secret, head["ephemeral"]), "E": head["ephemeral"],
             "P": public, "label": label, "context": context,
             "payload": cursor.rest()}
    text = page.section("2.1")
    names["K"] = run(text.formula("K"), names)
    need(head["commitment"] == run(text.formula("commitment"), names),
         f"{what}: the wrap is not for this key")
    return run(text.formula("sealed payload"), names)


def wraps(section, cursor, count):
    """The wraps that a record lists: their fields and their bytes."""
    row = [r for r in section.table("offset").rows if r[1] == "n wraps"][0]
    head, _, tail = row[2].partition("; a wrap (2.1) of ")
    each = Struct.text(head)
    payload = page.quantity(re.search(r"\b(\d+)[- ]bytes?\b", tail)[1])
    extra = page.quantity(re.fullmatch(r"bytes\[n \+ (\d+)\]",
                                       WRAP.rest[0][1])[1])
    found = []
    for _ in range(count):
        values = each.take(cursor)
        need(values["length"] == WRAP.size + payload + extra,
             f"{cursor.what}: length of a wrap")
        found.append((values, cursor.take(values["length"])))
    return found


class Conf:
    """store.conf: what the first leaf of the ledger must confirm."""

    def __init__(self, data):
        self.values = {}
        lines = page.section("4").code
        name = page.section("4").match(r"finds a `(\w+)` line with a larger")
        page.agree(f"{name[1]} {page.VERSION}", lines[1])
        newer = re.match(rb"[^\n]*\n%s (\d{1,9})\n" % name[1].encode(),
                         data)
        need(not newer or int(newer[1]) <= page.VERSION,
             "store.conf: of a newer format")
        need(data.count(b"\n") == len(lines) and data.endswith(b"\n"),
             "store.conf: number of lines")
        at = 0
        for said, line in zip(lines, data.split(b"\n")):
            self._line(*re.fullmatch(r"(.*?)(?: {2,}(.*))?", said).groups(),
                       line, data[:at])
            at += len(line) + 1

    def _line(self, words, meaning, line, before):
        name, _, value = words.partition(" ")
        if value != "HEX":
            need(line == words.encode("ascii"), f"store.conf: no {words}")
            return
        begin = name.encode("ascii") + b" "
        digits = line[len(begin):]
        need(line.startswith(begin) and re.fullmatch(rb"[0-9a-f]*", digits)
             and len(digits) % 2 == 0, f"store.conf: {name}")
        self.values[name] = value = bytes.fromhex(digits.decode())
        check = re.fullmatch(r"(BLAKE2b-\d+) of all bytes before.*", meaning)
        if check:
            need(value == run(f"{check[1]}(x)", {"x": before}),
                 "store.conf: check")
        else:
            size = page.quantity(re.search(r"(\d+) (?:random )?bytes",
                                           meaning)[1])
            need(len(value) == size, f"store.conf: length of {name}")

    @property
    def store(self):
        return self.values["store"]

    @property
    def ledger_key(self):
        return self.values["ledger-key"]


class Recipient:
    """A recipient blob."""

    def __init__(self, blob, store):
        self.blob, cursor = blob, Cursor(blob, "recipient blob")
        self.text = page.section("5.2")
        self.head = RECIPIENT.take(cursor, store_id=store)
        cursor.end()
        need(len(blob) == self.text.number("# bytes in all"),
             "recipient blob: length")
        for name in ("Argon2id memory", "Argon2id passes"):
            least, most = page.LIMITS[name]
            need(least <= self.head[name] <= most, f"recipient blob: {name}")

    def open(self, passphrase):
        """The recipient's X25519 secret and the ledger's public key."""
        head, text = self.head, self.text
        names = {"passphrase": passphrase, "salt": head["salt"],
                 "memory": head["Argon2id memory"],
                 "passes": head["Argon2id passes"]}
        names["K"] = run(text.formula("K"), names)
        page.agree(len(names["K"]), text.number(r"passes\)`, # bytes;"))
        need(head["commitment"] == run(text.formula("commitment"), names),
             "the passphrase does not fit")
        first, last = text.match(
            r"associated data = bytes (\d+) to (\d+) of the blob").groups()
        key = text.match(r"sealed under `([^`]+)` with the nonce")[1]
        plain = run("seal(key, nonce, ad, payload)", {
            "key": run(key, names), "nonce": head["nonce"],
            "ad": self.blob[int(first):int(last) + 1],
            "payload": head["sealed"]})
        found = parts(RECIPIENT["sealed"].notes.lstrip(": "), plain)
        secret = found["recipient secret"]
        x25519_secret = derived("recipient X25519 secret",
                                recipient_secret=secret)
        seed = derived("recipient Ed25519 seed", recipient_secret=secret)
        need(bindings.crypto_scalarmult_base(x25519_secret)
             == head["X25519 public key"], "recipient blob: X25519 key")
        need(bindings.crypto_sign_seed_keypair(seed)[0]
             == head["Ed25519 public key"], "recipient blob: Ed25519 key")
        known("recipient secret", secret)
        return x25519_secret, known("ledger key", found["ledger public key"])


class Epoch:
    """An epoch record."""

    def __init__(self, record, store):
        self.record, cursor = record, Cursor(record, "epoch record")
        self.head = EPOCH.take(cursor, store_id=store)
        need(self.head["number of wraps"]
             <= page.LIMITS["of an epoch record"], "epoch record: wraps")
        self.wraps = wraps(page.section("5.3"), cursor,
                           self.head["number of wraps"])
        cursor.end()
        self.recipients = [w["recipient"] for w, _ in self.wraps]
        need(self.recipients == sorted(set(self.recipients))
             and self.recipients[0] > 0, "epoch record: order of recipients")

    def open(self, recipient, secret):
        """The record's secrets, by name; the epoch's own among them."""
        text = page.section("5.3")
        wrap = [w for v, w in self.wraps if v["recipient"] == recipient]
        need(wrap, "epoch record: not for this recipient")
        m = text.match(r"Wrap label `(\w+)`, context = bytes (\d+) to (\d+) "
                       r"and (\d+) to (\d+) of the record and the recipient "
                       r"number \(u32\): (\d+) bytes")
        a, b, c, d, size = (int(n) for n in m.groups()[1:])
        context = (self.record[a:b + 1] + self.record[c:d + 1]
                   + recipient.to_bytes(4, "little"))
        if len(context) != size:
            raise page.PageError("size of an epoch's context")
        payload = open_wrap(wrap[0], secret, m[1].encode(), context,
                            "epoch record")
        found = parts(text.match(r"Payload: ([^.]+)\.")[1], payload)
        need(bindings.crypto_scalarmult_base(found["epoch secret"])
             == self.head["epoch X25519"], "epoch record: public key")
        known("epoch pair", found["epoch secret"])
        known("log key", found["log key"])
        known("compartment secret", found["compartment secret"])
        return found


class Vault:
    """The vault key file, which no restore needs."""

    def __init__(self, data, store):
        cursor = Cursor(data, "vault key file")
        self.head = VAULT.take(cursor, store_id=store)
        (_, _, row), (place, kind, what) = VAULT.rest
        each = Struct.text(row)
        self.secrets = {}
        for _ in range(self.head["number of compartments"]):
            values = each.take(cursor)
            number = values["compartment"]
            need(number > max(self.secrets, default=0),
                 "vault key file: order of compartments")
            self.secrets[number] = values["compartment secret"]
        if place != f"{VAULT.size}+{each.size}n":
            raise page.PageError(f"{place} in the vault key file")
        formula = re.fullmatch(r"(BLAKE2b-\d+) of all bytes before", what)[1]
        covered = data[:cursor.at]
        need(Struct.text(f"{kind} sum").take(cursor)["sum"]
             == run(f"{formula}(x)", {"x": covered}), "vault key file: sum")
        cursor.end()

    @property
    def ledger_key(self):
        return bindings.crypto_sign_seed_keypair(self.head["ledger seed"])[0]
