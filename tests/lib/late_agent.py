#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An agent under whose hands the source changes: when the vault has said what it
wants of the first directory, and the agent has not heard it yet, COMMAND runs.

usage: late_agent.py AGENT COMMAND
"""

import os
import select
import struct
import subprocess
import sys

WANT = 3
FIRST = 1                       # batch; that of the locations is 0


def frames(said):
    """(kind, frame) of each that is whole; what is left of said."""
    found, at = [], 0
    while len(said) - at >= 8:
        length, kind, _ = struct.unpack_from("<IHH", said, at)
        if len(said) - at < 8 + length:
            break
        found.append((kind, said[at:at + 8 + length]))
        at += 8 + length
    return found, said[at:]


def main():
    agent, command = sys.argv[1:]
    child = subprocess.Popen([agent], stdin=subprocess.PIPE, bufsize=0)
    said = b""
    while child.poll() is None:
        if not select.select([0], [], [], 0.1)[0]:
            continue
        found, said = frames(said + os.read(0, 1 << 16))
        for kind, frame in found:
            if kind == WANT and struct.unpack_from("<I", frame, 8)[0] == FIRST:
                subprocess.run(command, shell=True, check=True)
            try:
                child.stdin.write(frame)
            except BrokenPipeError:     # it is done, and needs no more
                break
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
