#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fill an empty directory with every kind of inode and awkwardness.

    mktree.py DIR [--small] [--unprivileged]

Made for ext4 with 4 KiB blocks, run as root. What the file system or
the kernel refuses is left out and named on stderr, one line each, and
the exit status stays 0: compare trees, do not assume a full one.

--small          nothing above 400 KiB of size
--unprivileged   nothing that needs root to make, or to read back

Two runs with the same options give the same tree, times included
(owners and what depends on them aside, under --unprivileged).
"""

import argparse
import ctypes
import hashlib
import os
import shutil
import stat
import subprocess
import sys

KIB = 1024
MIB = 1024 * KIB
SMALL = 400 * KIB
SECOND = 1000000000
NOBODY = 4294967294             # the largest number that chown accepts
CACHEDIR_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"

FALLOC_KEEP_SIZE = 0x1
FALLOC_PUNCH_HOLE = 0x2

libc = ctypes.CDLL(None, use_errno=True)

times = {}                      # path -> mtime in nanoseconds, if chosen
dir_modes = {}                  # path -> mode, set when all is filled
options = None


def attempt(what, action, *arguments, **named):
    """Run action; if it is refused say so and go on."""
    try:
        action(*arguments, **named)
        return True
    except (OSError, subprocess.CalledProcessError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        print("mktree: left out %s: %s" % (what, reason), file=sys.stderr)
        return False


def tool(*command):
    """Run a program on names in the current directory."""
    if shutil.which(command[0]) is None:
        raise OSError(2, "%s is not installed" % command[0])
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def noise(seed, length):
    """Incompressible bytes, the same in every run."""
    return hashlib.shake_128(seed.encode()).digest(length)


def text(seed, length):
    """Compressible lines of words, the same in every run."""
    words = ("deed charter seal roll parish council ledger vault minute "
             "register election wedding water levy bridge market").split()
    picks = noise(seed, 64 * KIB)
    out = []
    made = 0
    i = 0
    while made < length:
        line = "%06d %s\n" % (i, " ".join(
            words[picks[(i * 8 + j) % len(picks)] % len(words)]
            for j in range(8)))
        out.append(line)
        made += len(line)
        i += 1
    return "".join(out).encode()[:length]


def write(path, data=b"", mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(data)
        while len(view) > 0:
            view = view[os.write(fd, view):]
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def fallocate(fd, mode, offset, length):
    done = libc.fallocate(fd, mode, ctypes.c_int64(offset),
                          ctypes.c_int64(length))
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def sparse(path, size, islands):
    """A file of holes with data at the given (offset, length) places."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.ftruncate(fd, size)
        for offset, length in islands:
            os.pwrite(fd, noise("%s@%d" % (path, offset), length), offset)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(fd)


def regular():
    os.mkdir("regular")
    for name, size in (("0", 0), ("1", 1), ("100", 100),
                       ("16k-1", 16 * KIB - 1), ("16k", 16 * KIB),
                       ("64k+1", 64 * KIB + 1), ("300k", 300 * KIB),
                       ("5m", 5 * MIB)):
        if options.small and size > SMALL:
            continue
        write("regular/noise-" + name, noise(name, size))
        write("regular/text-" + name, text(name, size))
    # The same bytes again, whole and pushed along by one.
    write("regular/twin-300k", noise("300k", 300 * KIB))
    write("regular/shifted-300k", b"!" + noise("300k", 300 * KIB))
    write("regular/zeros-64k", bytes(64 * KIB))
    write("regular/zeros-inside", noise("a", 8 * KIB) + bytes(64 * KIB)
          + noise("b", 8 * KIB))
    if not options.small:
        write("regular/zeros-1m", bytes(MIB))


def holes():
    os.mkdir("sparse")
    sizes = [("", 256 * KIB)]
    if not options.small:
        sizes.append(("-64m", 64 * MIB))
    for suffix, size in sizes:
        half, part = size // 2, 16 * KIB
        sparse("sparse/start" + suffix, size, [(size - part, part)])
        sparse("sparse/middle" + suffix, size,
               [(0, part), (size - part, part)])
        sparse("sparse/end" + suffix, size, [(0, part)])
        sparse("sparse/both-ends" + suffix, size, [(half, part)])
        sparse("sparse/all-hole" + suffix, size, [])
        sparse("sparse/comb" + suffix, size,
               [(i * 32 * KIB, 4 * KIB) for i in range(8)])
    sparse("sparse/odd-size", 100001, [(40960, 5)])
    sparse("sparse/all-hole-1", 1, [])
    if not options.small:
        attempt("2 TiB sparse file", sparse, "sparse/2t", 2 << 40,
                [(0, 5), (1 << 30, 64 * KIB), (1 << 40, 4 * KIB),
                 ((2 << 40) - 1, 1)])
        attempt("2 TiB hole", sparse, "sparse/2t-all-hole", 2 << 40, [])


def preallocated():
    """Space that was reserved and never, or only partly, written."""
    os.mkdir("prealloc")
    write("prealloc/tail", noise("tail", 20000))
    write("prealloc/beyond-end", noise("beyond", 5000))
    write("prealloc/punched", noise("punched", 128 * KIB))
    for name, mode, offset, length in (
            ("only", 0, 0, 256 * KIB),
            ("tail", 0, 20000, 100 * KIB),
            ("middle", 0, 64 * KIB, 64 * KIB),
            ("beyond-end", FALLOC_KEEP_SIZE, 0, 256 * KIB),
            ("punched", FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE,
             32 * KIB, 64 * KIB)):
        fd = os.open("prealloc/" + name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if attempt("prealloc/" + name, fallocate, fd, mode, offset,
                       length) and name == "middle":
                os.pwrite(fd, noise("middle", 4 * KIB), 96 * KIB)
                os.ftruncate(fd, 300 * KIB)
        finally:
            os.close(fd)


def modes():
    os.mkdir("modes")
    for mode in (0o4755, 0o2755, 0o1644, 0o6711, 0o7777, 0o0777, 0o0444,
                 0o0600, 0o0000, 0o0200, 0o0111, 0o4000):
        if options.unprivileged and not mode & 0o400:
            continue
        write("modes/file-%04o" % mode, b"%04o" % mode, mode)
    for mode in (0o1777, 0o2775, 0o3770, 0o7777, 0o0700, 0o0500, 0o0000,
                 0o0111, 0o0333):
        if options.unprivileged and mode & 0o500 != 0o500:
            continue
        name = "modes/dir-%04o" % mode
        os.mkdir(name)
        write(name + "/inside", b"x")
        dir_modes[name] = mode
    os.mkdir("modes/empty")
    os.mkdir("modes/empty/nested")


def owners():
    if options.unprivileged:
        return
    os.mkdir("owners")
    numbers = (0, 1, 1000, 12345678, NOBODY)
    for uid, gid in [(n, n) for n in numbers] + [
            (0, NOBODY), (NOBODY, 0), (1000, 1), (2147483648, 65536)]:
        name = "owners/%d-%d" % (uid, gid)
        write(name, b"x")
        os.chown(name, uid, gid)
        os.symlink("to", name + ".link")
        os.lchown(name + ".link", uid, gid)
        os.mkdir(name + ".dir")
        os.chown(name + ".dir", uid, gid)
    # chown takes the set-id bits away, so the mode comes after it.
    write("owners/setid")
    os.chown("owners/setid", 1000, 1000)
    os.chmod("owners/setid", 0o6755)


def symlinks():
    os.mkdir("symlinks")
    for name, target in (
            (b"relative", b"../regular/text-100"),
            (b"absolute", b"/etc/passwd"),
            (b"dangling", b"does/not/exist"),
            (b"absolute-dangling", b"/nonexistent/place"),
            (b"to-dir", b"../regular"), (b"to-dir-slash", b"../regular/"),
            (b"parent", b".."), (b"root", b"/"), (b"up", b"../../../../.."),
            (b"self", b"self"), (b"loop-a", b"loop-b"),
            (b"loop-b", b"loop-a"), (b"to-link", b"relative"),
            (b"newline", b"a\nb"), (b"not-utf8", b"\xff\xfe"),
            (b"escape", b"\x1b[31m"), (b"space", b" "),
            (b"remote", b"host:/path"),
            # The sizes at which ext4 stores targets in different ways.
            (b"59", b"s" * 59), (b"60", b"s" * 60), (b"1023", b"s" * 1023),
            (b"4095", b"s" * 4095),
            (b"4095-parts", b"./" * 2047 + b"x")):
        attempt("symlink %s" % name.decode(), os.symlink, target,
                b"symlinks/" + name)


def hard_links():
    os.mkdir("links")
    os.mkdir("links/one")
    os.mkdir("links/two")
    write("links/one/a", noise("linked", 20000))
    for name in ("links/one/b", "links/two/a", "links/two/z", "links-top"):
        os.link("links/one/a", name)
    write("links/two/empty")
    os.link("links/two/empty", "links/one/empty")
    os.symlink("../nowhere", "links/one/symlink")
    os.link("links/one/symlink", "links/two/symlink",
            follow_symlinks=False)
    os.mkfifo("links/one/fifo")
    os.link("links/one/fifo", "links/two/fifo")
    os.mknod("links/one/socket", stat.S_IFSOCK | 0o600)
    os.link("links/one/socket", "links/two/socket")
    for i in range(100):
        os.makedirs("links/many", exist_ok=True)
        if i == 0:
            write("links/many/000", b"many")
        else:
            os.link("links/many/000", "links/many/%03d" % i)


def special():
    os.mkdir("special")
    os.mkfifo("special/fifo", 0o640)
    os.mknod("special/socket", stat.S_IFSOCK | 0o755)
    if options.unprivileged:
        return
    for kind, bits in (("char", stat.S_IFCHR), ("block", stat.S_IFBLK)):
        for major, minor in ((1, 3), (8, 0), (4095, 1048575)):
            name = "special/%s-%d-%d" % (kind, major, minor)
            if attempt(name, os.mknod, name, bits | 0o600,
                       os.makedev(major, minor)) and minor == 3:
                os.link(name, name + "-again")


def set_xattr(path, key, value):
    attempt("xattr %s on %s" % (key, path), os.setxattr, path, key, value,
            follow_symlinks=False)


def xattrs():
    os.mkdir("xattrs")
    write("xattrs/file", b"x")
    os.mkdir("xattrs/dir")
    for path in ("xattrs/file", "xattrs/dir"):
        set_xattr(path, "user.text", b"some text")
        set_xattr(path, "user.empty", b"")
        set_xattr(path, "user.binary", bytes(range(256)))
        set_xattr(path, "user.na\nme=, \\", b"odd name")
        set_xattr(path, b"user.\xff\xfe", b"name is not UTF-8")
    write("xattrs/large")
    set_xattr("xattrs/large", "user.large", noise("xattr", 3000))
    write("xattrs/many")
    for i in range(60):
        set_xattr("xattrs/many", "user.many.%03d" % i, b"%d" % i)
    write("xattrs/longest-name")
    set_xattr("xattrs/longest-name", "user." + "n" * 250, b"v")
    # The same set twice, and once in another order.
    for name, keys in (("same-1", "abc"), ("same-2", "abc"),
                       ("same-3", "cba")):
        write("xattrs/" + name)
        for key in keys:
            set_xattr("xattrs/" + name, "user." + key, key.encode())
    if options.unprivileged:
        return
    os.symlink("nowhere", "xattrs/symlink")
    os.mkfifo("xattrs/fifo")
    for path in ("xattrs/file", "xattrs/dir", "xattrs/symlink",
                 "xattrs/fifo"):
        set_xattr(path, "trusted.probe", b"\0trusted\0")
        set_xattr(path, "security.probe", b"\0security\0")


def acls():
    os.mkdir("acls")
    os.mkdir("acls/default")
    for name in ("file", "mask", "large-ids", "many"):
        write("acls/" + name, b"x")
    entries = ",".join("u:%d:r" % (2000 + i) for i in range(100))
    for command in (
            ("-m", "u:1001:rw,g:1002:r", "acls/file"),
            ("-m", "u:1001:rwx,m::r", "acls/mask"),
            ("-m", "u:12345678:r,g:%d:rwx" % NOBODY, "acls/large-ids"),
            ("-m", entries, "acls/many"),
            ("-m", "u:1001:rwx,d:u:1001:rwx,d:g:1002:rx,d:o::-",
             "acls/default")):
        attempt("ACL of " + command[-1], tool, "setfacl", *command)
    write("acls/default/inherited", b"x")
    os.mkdir("acls/default/inherited-dir")


def capabilities():
    if options.unprivileged:
        return
    os.mkdir("caps")
    for name, arguments in (
            ("one", ["cap_net_bind_service+ep"]),
            ("several", ["cap_net_raw,cap_sys_admin+eip"]),
            ("namespaced", ["-n", "100000", "cap_chown+ep"])):
        write("caps/" + name, b"x", 0o755)
        flags, grants = arguments[:-1], arguments[-1]
        attempt("capability of caps/" + name, tool, "setcap", *flags,
                grants, "caps/" + name)


def odd_times():
    os.mkdir("times")
    for name, when in (
            ("zero", 0), ("one-ns", 1), ("minus-one-ns", -1),
            ("minus-1.5s", -3 * SECOND // 2),
            ("nanoseconds", 1600000000 * SECOND + 123456789),
            ("nines", 1600000000 * SECOND + 999999999),
            ("1901", -2147472000 * SECOND + 500),
            ("1901-first", -2147483648 * SECOND),
            ("1969", -1 * SECOND),
            ("2038-last", 2147483647 * SECOND + 999999999),
            ("2038", 2147483648 * SECOND),
            ("2106-last", 4294967295 * SECOND + 1),
            ("2106", 4294967296 * SECOND + 7),
            ("2400", 13569465600 * SECOND + 987654321)):
        write("times/" + name, b"t")
        os.mkdir("times/%s.dir" % name)
        os.symlink("t", "times/%s.link" % name)
        for path in (name, name + ".dir", name + ".link"):
            times["times/" + path] = when
    times["times"] = -3 * SECOND // 2


def names():
    os.mkdir("names")
    long_utf8 = "\u00e9".encode() * 127 + b"x"
    for i, name in enumerate((
            b"new\nline", b"\n", b"tab\there", b"\r", b"a\r\nb",
            b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x7f", b"\x01",
            bytes(range(1, 32)), bytes(range(128, 256)),
            b"\xff", b"invalid-\xff\xfe", b"cut-\xe2\x82",
            b"overlong-\xc0\xaf", b"overlong-\xe0\x80\xaf",
            b"overlong-dot-\xc0\xae\xc0\xae", b"overlong-nul-\xc0\x80",
            b"surrogate-\xed\xa0\x80", b"beyond-\xf4\x90\x80\x80",
            "caf\u00e9".encode(), "cafe\u0301".encode(),
            b"Case", b"case", b"CASE", "\u0130".encode(), "\ufeff".encode(),
            "\u202egpj.exe".encode(), "a\u200bb".encode(),
            "\U0001f600".encode(), "\u6f22\u5b57".encode(),
            b"n" * 255, long_utf8, b"\xff" * 255,
            b"-", b"--", b"-rf", b"--help", b" ", b" leading",
            b"trailing ", b"in the middle", b"back\\slash", b"\\", b"\\n",
            b"\\x41", b"'single'", b"\"double\"", b"`tick`", b"$HOME",
            b"$(true)", b"*", b"?", b"[a]", b"{a,b}", b"~", b"#", b"!",
            b"&", b";", b"|", b"<", b">", b"%00", b"%2f", b"%s%n", b"+",
            b"...", b"....", b".hidden", b". .", b"..a", b"a.", b"@",
            b"@latest", b"srv@latest:", b"host:path", b"CON", b"nul.txt",
            b"lost+found", b".git", b"file~", b".nfs000000000001")):
        attempt("name %r" % name, write, b"names/" + name, b"%d" % i)
    os.mkdir("names/a:")
    write("names/a:/b", b"x")
    os.mkdir("names/source@latest:")
    write("names/source@latest:/b", b"x")
    os.mkdir(b"names/dir-\xff\n")
    write(b"names/dir-\xff\n/file", b"x")
    # Ordered by bytes, "a.d" stands between directory and contents.
    os.mkdir("names/order")
    for name in ("a", "a.d", "a0", "a-"):
        os.mkdir("names/order/" + name)
        write("names/order/%s/x" % name, b"x")


def deep():
    """60 levels of 200-byte names: three times PATH_MAX."""
    name = "deep"
    os.mkdir(name)
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    for level in range(60):
        name = "%02d-" % level + "d" * 197
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
        if level in (19, 20, 30, 59):
            opener = os.open("file-%02d" % level, os.O_WRONLY | os.O_CREAT,
                             0o644, dir_fd=fd)
            os.write(opener, noise("deep%d" % level, 20000))
            os.close(opener)
    os.link("file-59", "linked", src_dir_fd=fd, dst_dir_fd=fd)
    os.symlink("../file-58", "symlink", dir_fd=fd)
    os.mkfifo("fifo", dir_fd=fd)
    os.mkdir("empty", dir_fd=fd)
    bottom = os.open("file-59", os.O_RDONLY, dir_fd=fd)
    attempt("xattr on the deepest file", os.setxattr, bottom, "user.deep",
            b"down here")
    os.close(bottom)
    os.close(fd)


def crowded():
    os.mkdir("crowded")
    for i in range(3000):
        write("crowded/entry-%04d" % i, b"" if i % 10 == 0 else
              b"%d" % (i % 700))


def cache_directory():
    os.mkdir("cachedir")
    write("cachedir/CACHEDIR.TAG", CACHEDIR_TAG + b"\n# A cache.\n")
    write("cachedir/cached", noise("cached", 5000))
    os.mkdir("cachedir/below")
    write("cachedir/below/cached", b"x")
    os.mkdir("not-a-cachedir")
    write("not-a-cachedir/CACHEDIR.TAG", CACHEDIR_TAG[:-1])
    write("not-a-cachedir/kept", b"x")


def settle(path, name, dirfd, seen):
    """Give modes and times to a name and all below, deepest first."""
    found = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
    key = os.fsdecode(path)
    if stat.S_ISDIR(found.st_mode):
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=dirfd)
        for below in sorted(os.fsencode(n) for n in os.listdir(fd)):
            settle(below if path == b"." else path + b"/" + below, below,
                   fd, seen)
        if key in dir_modes:
            os.fchmod(fd, dir_modes[key])
        os.close(fd)
    if found.st_ino in seen:
        return
    seen.add(found.st_ino)
    # Else a second chosen by the path, within three years of 2020.
    pick = int.from_bytes(hashlib.sha256(path).digest()[:16], "little")
    when = times.get(key, (1577836800 + (pick >> 64) % 100000000) * SECOND
                     + pick % SECOND)
    if not attempt("the time of %s" % key, os.utime, name,
                   ns=(when, when), dir_fd=dirfd, follow_symlinks=False):
        return
    kept = os.stat(name, dir_fd=dirfd, follow_symlinks=False).st_mtime_ns
    if kept != when:
        print("mktree: time of %s: asked for %d, got %d"
              % (key, when, kept), file=sys.stderr)


def main():
    global options
    parser = argparse.ArgumentParser(
        prog="mktree.py",
        description="Fill an empty directory with every kind of inode.")
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--small", action="store_true",
                        help="nothing above 400 KiB of size")
    parser.add_argument("--unprivileged", action="store_true",
                        help="nothing that needs root")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        os.chdir(options.dir)
    except OSError as e:
        print("mktree: %s: %s" % (options.dir, e.strerror),
              file=sys.stderr)
        return 2
    if os.listdir("."):
        print("mktree: %s is not empty" % options.dir, file=sys.stderr)
        return 2
    for build in (regular, holes, preallocated, modes, owners, symlinks,
                  hard_links, special, xattrs, acls, capabilities,
                  odd_times, names, deep, crowded, cache_directory):
        build()
    settle(b".", b".", None, set())
    return 0


if __name__ == "__main__":
    sys.exit(main())
