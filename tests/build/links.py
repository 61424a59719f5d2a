#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The security story is the link line: each program, as built, is read for the
libraries and functions that it must not have (docs/architecture.md).

links.py PROGRAM... ; `links.py --see NM PROGRAM` exits 0 only if a forbidden
function is found: the test that this test can fail."""

import os
import subprocess
import sys

OPENING = {"open_wrap", "recipient_open", "epoch_open", "pack_key_open"}
SIGNING = {"sign_message"}
SEALING = {"seal_wrap"}
MAKING = {"recipient_make", "epoch_make"}
WRITING = {"writer_open", "draft_seal", "store_create"}

RULES = {
    "muniment": ({"libsodium", "librocksdb", "libfuse3", "liblz4"},
                 OPENING | SIGNING | SEALING | MAKING | WRITING),
    "muniment-agent": ({"libc", "libsodium", "librocksdb"},
                       OPENING | SIGNING | SEALING | MAKING | WRITING
                       | {"aead_open", "id_compute"}),
    "muniment-init": ({"libfuse3"}, OPENING),
    "muniment-pull": ({"libfuse3"}, OPENING | MAKING | {"store_create"}),
    "muniment-read": ({"librocksdb", "libfuse3"},
                      SIGNING | SEALING | MAKING | WRITING),
    "muniment-mount": ({"librocksdb"}, SIGNING | SEALING | MAKING | WRITING),
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def libraries(program):
    lines = run("readelf", "-dW", program).splitlines()
    return {line.split("[")[1].split(".so")[0]
            for line in lines if "(NEEDED)" in line}


def functions(program):
    found = {line.split()[-1] for line in run("nm", program).splitlines()}
    if "main" not in found:
        sys.exit(f"{program}: no symbols to read")
    return found


def check(program):
    libs, funcs = RULES[os.path.basename(program)]
    bad = sorted(libs & libraries(program)) + sorted(
        funcs & functions(program))
    for what in bad:
        print(f"{os.path.basename(program)} must not have {what}")
    return not bad


if sys.argv[1] == "--see":
    sys.exit(0 if OPENING & functions(sys.argv[2]) else 1)
sys.exit(0 if all([check(p) for p in sys.argv[1:]]) else 1)
