# SPDX-License-Identifier: Apache-2.0
"""The page's formulas, computed as they stand there.

    run('MAC-256(k, "id" || u32 n || x)', {"k": key, "n": 1, "x": b""})

What the page seals a reader opens: seal(...) takes the sealed bytes in the
place of the plain ones, and hands out those or refuses.
"""

import hashlib
import re

from nacl import bindings, exceptions, pwhash

import page
from fields import INTEGERS, refuse

CONVENTIONS = page.section("1")
HALF, WHOLE = (int(n) for n in CONVENTIONS.match(
    r"`MAC-(\d+)` is the first half of `MAC-(\d+)`\.").groups())
page.agree(2 * HALF, WHOLE)
DERIVE, DERIVED = CONVENTIONS.match(
    r"`derive\(k, label, context\)` = `([^`]+)`, (\d+) bytes\.").groups()
NONCE, TAG, AEAD = CONVENTIONS.match(
    r"\(IETF construction, (\d+)-byte nonce, (\d+)-byte tag at the end\), as "
    r"in libsodium's +`(\w+)`").groups()
NONCE, TAG, OPEN = int(NONCE), int(TAG), getattr(bindings, AEAD + "_decrypt")
page.agree(NONCE, getattr(bindings, AEAD + "_NPUBBYTES"))
page.agree(TAG, getattr(bindings, AEAD + "_ABYTES"))


def blake2b(bits, data, key=b""):
    if bits % 8:
        raise page.PageError(f"{bits} bits are not bytes")
    return hashlib.blake2b(data, digest_size=bits // 8, key=key).digest()


def mac(bits, key, data):
    """Half a length is half of the longer one."""
    if bits == HALF:
        return blake2b(WHOLE, data, key)[:HALF // 8]
    return blake2b(bits, data, key)


def derive(key, label, context):
    found = run(DERIVE, {"k": key, "label": label, "context": context})
    page.agree(len(found), int(DERIVED))
    return found


def x25519(secret, public):
    try:
        return bindings.crypto_scalarmult(secret, public)
    except exceptions.RuntimeError:             # an all-zero secret
        return refuse("X25519 gives nothing but zeros")


def opened(key, nonce, ad, sealed):
    try:
        return OPEN(sealed, ad, nonce, key)
    except exceptions.CryptoError:
        return refuse("does not open")


def argon2id(passphrase, salt, memory, passes):
    return pwhash.argon2id.kdf(32, passphrase, salt, opslimit=passes,
                               memlimit=memory)


FUNCTIONS = {
    "derive": derive, "X25519": x25519, "seal": opened,
    "Argon2id": argon2id,
    "SHA-256": lambda data: hashlib.sha256(data).digest(),
}


def _function(name):
    m = re.fullmatch(r"(BLAKE2b|MAC)-(\d+)", name)
    if m and m[1] == "MAC":
        return lambda key, data: mac(int(m[2]), key, data)
    if m:
        return lambda data: blake2b(int(m[2]), data)
    if name not in FUNCTIONS:
        raise page.PageError(f"no function {name}")
    return FUNCTIONS[name]


def _term(text, names):
    """One of the things that || joins."""
    if text in names:
        return names[text]
    if re.fullmatch(r'"[^"]*"', text):
        return text[1:-1].encode("ascii")
    if re.fullmatch(r"0x[0-9A-F]{2}", text):
        return bytes([int(text, 16)])
    m = re.fullmatch(r"(\d+) zero bytes", text)
    if m:
        return bytes(int(m[1]))
    kind, _, name = text.partition(" ")
    if kind in INTEGERS and name in names:
        return names[name].to_bytes(INTEGERS[kind], "little")
    m = re.fullmatch(r"([A-Za-z0-9-]+)\((.*)\)", text)
    if not m:
        raise page.PageError(f"no meaning of {text!r}")
    return _function(m[1])(*(run(a, names)
                             for a in page.split(m[2], (", ",))))


def run(text, names):
    parts = [_term(t, names) for t in page.split(text, ("||",))]
    return parts[0] if len(parts) == 1 else b"".join(parts)


def siphash(key, data):
    """SipHash-2-4."""
    return int.from_bytes(bindings.crypto_shorthash_siphash24(data, key),
                          "little")


def file_bytes(one, other):
    """Of both together."""
    return min(one + other, (1 << 64) - 1)
