# SPDX-License-Identifier: Apache-2.0
"""A small store with something of everything, for the walls that damage it:
two sources, several snapshots, data and metadata packs with more than one
slice of each kind, two epochs, a sparse file, hard links, attributes,
problems, a pull that failed, and torn bytes in the ledger that a pad passes
over."""

import os
import shutil
import subprocess
import time

from wall import copy


def attribute(path, name, value):
    """An attribute, where the file system has them."""
    try:
        os.setxattr(path, name, value)
    except OSError:
        print(f"no attributes on {os.path.dirname(path)}")


def fill(tree, rng):
    """The first source: two blocks of noise, and much that is small."""
    os.makedirs(os.path.join(tree, "folder/deep/er"))
    os.makedirs(os.path.join(tree, "many"))

    def write(name, data):
        with open(os.path.join(tree, name), "wb") as f:
            f.write(data)

    write("noise", rng.randbytes(90_000))
    write("folder/twin-a", rng.randbytes(9_000))
    write("folder/twin-b", rng.randbytes(9_000))
    write("folder/deep/er/text", b"in witness whereof the seal\n" * 2000)
    write("folder/empty", b"")
    for i in range(150):
        write(f"many/deed-{i:03}", rng.randbytes(rng.randrange(1, 60)))
    with open(os.path.join(tree, "sparse"), "wb") as f:
        f.truncate(3 << 20)
        f.seek(1 << 20)
        f.write(rng.randbytes(9_000))
    os.symlink("deep/er/text", os.path.join(tree, "folder/link"))
    os.link(os.path.join(tree, "noise"), os.path.join(tree, "folder/noise"))
    os.mkfifo(os.path.join(tree, "folder/fifo"))
    attribute(os.path.join(tree, "noise"), "user.seal", rng.randbytes(300))
    attribute(os.path.join(tree, "folder"), "user.shelf", b"west")
    age(tree)


def change(tree, rng, n):
    """What a day changes in it."""
    with open(os.path.join(tree, f"folder/codicil-{n}"), "wb") as f:
        f.write(rng.randbytes(20_000))
    with open(os.path.join(tree, f"many/deed-{n:03}"), "wb") as f:
        f.write(rng.randbytes(40))
    os.unlink(os.path.join(tree, f"many/deed-{n + 50:03}"))
    age(tree)


def age(tree):
    """Times long past, the same in each run."""
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            os.utime(os.path.join(folder, name), (1e9, 1e9),
                     follow_symlinks=False)
        os.utime(folder, (1e9, 1e9))


def settle():
    """What changed within two seconds of its reading, as whole seconds and two
    clocks tell it, is read again by the next pull: wait until nothing is."""
    time.sleep(4.1)


def agent_of_others(wall):
    """An agent that may not read everything: what makes problems."""
    if os.geteuid() != 0:
        return []
    agent, script = wall.path("muniment-agent"), wall.path("agent")
    shutil.copy(os.path.join(wall.build, "agent", "muniment-agent"), agent)
    with open(script, "w", encoding="ascii") as f:
        f.write("#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 "
                f"--clear-groups --inh-caps=-all {agent}\n")
    for path in (agent, script, wall.scratch):
        os.chmod(path, 0o755)
    return ["--agent", script]


def make(wall, name="store", states=None):
    """The store, and its sources as {name: path}. states is a list that gets
    the path of a copy of the store as it was after each pull."""
    rng = wall.random
    store = wall.store(name)
    tree, desk = wall.path(name + ".files1"), wall.path(name + ".desk")
    store.make()
    fill(tree, rng)
    os.mkdir(desk)
    for i in range(3):
        with open(os.path.join(desk, f"locked-{i}"), "wb") as f:
            f.write(rng.randbytes(500))
    os.chmod(os.path.join(desk, "locked-1"), 0)
    age(desk)

    def pull(source, path, status, *words):
        ran = store.pull(source, path, *words)
        if ran.status != status:
            raise RuntimeError(f"the store cannot be made: {ran}")
        if states is not None:
            states.append(f"{store.path}.{len(states)}")
            copy(store.path, states[-1])

    pull("files1", tree, 0)
    subprocess.run([os.path.join(wall.build, "tests/walls/forge"), "epoch",
                    store.path], check=True)
    change(tree, rng, 1)
    with open(os.path.join(store.path, "ledger/leaves-00000000"), "ab") as f:
        f.write(b"what a crash left")
    pull("files1", tree, 0)
    pull("desk", desk, 3, *agent_of_others(wall))
    pull("nothing", wall.path("nowhere"), 1)
    change(tree, rng, 2)
    pull("files1", tree, 0)
    return store, {"files1": tree, "desk": desk}
