# SPDX-License-Identifier: Apache-2.0
"""A snapshot back onto a disk, as far as the caller's rights go."""

import os
import stat

from listing import escape, nanoseconds
from pack import REFERENCE

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NODES = {"FIFO": stat.S_IFIFO, "socket": stat.S_IFSOCK,
         "character device": stat.S_IFCHR, "block device": stat.S_IFBLK}


# Section 7.2: what the names of one inode have in common.
ALIKE = ("link group", "mode", "owner", "group", "size", "modification time",
         "major number", "minor number")


def inode(entry, slots):
    return (entry.kind, entry.flag("lacks attributes"),
            *(entry[label] for label in ALIKE),
            *(REFERENCE.read(slot, "slot")["id"] for slot in slots))


class Extraction:
    """Everything is reached from an open folder, since paths may be longer
    than the kernel takes. left_out: what was refused, as (path, why)."""

    def __init__(self, snapshot, number, target):
        self.snapshot, self.number = snapshot, number
        self.left_out = []
        self.first = {}                 # link group -> path of its first name
        self.open = []                  # folders being filled
        self.top = os.open(target, FOLDER)

    def run(self):
        for number, path, entry, slots, _ in self.snapshot.walk():
            if number != self.number:
                continue
            if path:
                self._leave(os.path.dirname(path))
            self._enter(path, entry, slots)
        while self.open:
            self._finish()
        os.close(self.top)
        return self.left_out

    def _leave(self, folder):
        while self.open[-1][0] != folder:
            self._finish()

    def _finish(self):
        """A folder gets its mode and time when it is full."""
        path, fd, entry, slots = self.open.pop()
        here = f"/proc/self/fd/{fd}/."
        self._dress(path, here, None, entry, slots)
        os.close(fd)

    def _enter(self, path, entry, slots):
        name = os.path.basename(path)
        if entry.kind == "directory":
            if not path:
                fd = os.dup(self.top)
            else:
                os.mkdir(name, 0o700, dir_fd=self.open[-1][1])
                fd = os.open(name, FOLDER, dir_fd=self.open[-1][1])
            self.open.append((path, fd, entry, slots))
            return
        if not entry["content"] and entry.flag("could not be read") and (
                entry["size"] or entry.kind == "symbolic link"):
            self.left_out.append((escape(path), "the source could not read "
                                  "it"))
            return
        if not path:                    # the path is not a directory
            name, folder = b"root", self.top
        else:
            folder = self.open[-1][1]
        group = entry["link group"] and inode(entry, slots)
        if group in self.first:
            self._link(self.first[group], name, folder)
            return
        if group:
            self.first[group] = path
        if self._attempt(path, self._make, name, folder, entry, slots):
            self._dress(path, f"/proc/self/fd/{folder}/".encode() + name,
                        (name, folder), entry, slots)

    def _attempt(self, path, action, *arguments, **named):
        try:
            action(*arguments, **named)
            return True
        except OSError as e:
            self.left_out.append((escape(path), e.strerror))
            return False

    def _link(self, first, name, folder):
        fd, *parts = os.dup(self.top), *first.split(b"/")
        for part in parts[:-1]:
            below = os.open(part, FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
        self._attempt(name, os.link, parts[-1], name, src_dir_fd=fd,
                      dst_dir_fd=folder, follow_symlinks=False)
        os.close(fd)

    def _make(self, name, folder, entry, slots):
        if entry.kind == "regular":
            self._file(name, folder, entry, slots)
        elif entry.kind == "symbolic link":
            os.symlink(self.snapshot.target(entry, slots) or b"?", name,
                       dir_fd=folder)
        else:
            device = os.makedev(entry["major number"] or 0,
                                entry["minor number"] or 0)
            os.mknod(name, NODES[entry.kind] | 0o600, device, dir_fd=folder)

    def _file(self, name, folder, entry, slots):
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                     | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            os.ftruncate(fd, entry["size"])
            for at, _, data in self.snapshot.pieces(entry, slots):
                while data:
                    done = os.pwrite(fd, data, at)
                    at, data = at + done, data[done:]
        finally:
            os.close(fd)

    def _dress(self, path, here, place, entry, slots):
        """Owner, attributes, mode, times: each may undo one before it."""
        name, folder = place or (here, None)
        follow = place is None
        self._attempt(path, os.chown, name, entry["owner"], entry["group"],
                      dir_fd=folder, follow_symlinks=follow)
        if entry.kind != "symbolic link":
            self._attempt(path, os.chmod, here, entry["mode"])
        for key, value in self.snapshot.attributes(entry, slots).items():
            self._attempt(path, os.setxattr, here, key, value,
                          follow_symlinks=follow)
        when = nanoseconds(entry["modification time"])
        self._attempt(path, os.utime, name, ns=(when, when), dir_fd=folder,
                      follow_symlinks=follow)
