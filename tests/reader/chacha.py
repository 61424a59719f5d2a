# SPDX-License-Identifier: Apache-2.0
"""The XChaCha20 stream, which python3-nacl has only with a tag."""

import struct

MASK = (1 << 32) - 1
SIGMA = struct.unpack("<4I", b"expand 32-byte k")
COLUMNS = [(i, 4 + i, 8 + i, 12 + i) for i in range(4)]
DIAGONALS = [(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
             for i in range(4)]


def _rounds(state):
    s = list(state)
    for _ in range(10):
        for a, b, c, d in COLUMNS + DIAGONALS:
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12),
                                  (a, b, d, 8), (c, d, b, 7)):
                s[x] = s[x] + s[y] & MASK
                s[z] ^= s[x]
                s[z] = (s[z] << turn | s[z] >> 32 - turn) & MASK
    return s


def xchacha20(key, nonce, length):
    """The first bytes of the stream."""
    words = struct.unpack("<8I", key)
    mixed = _rounds((*SIGMA, *words, *struct.unpack("<4I", nonce[:16])))
    inner = (*SIGMA, *mixed[:4], *mixed[12:])
    last = struct.unpack("<2I", nonce[16:])
    out = b""
    for block in range(-(-length // 64)):
        state = (*inner, block & MASK, block >> 32, *last)
        out += struct.pack("<16I", *(a + b & MASK for a, b in
                                     zip(_rounds(state), state)))
    return out[:length]
