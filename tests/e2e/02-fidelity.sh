#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: every kind of inode in every field comes back, by mount and by
# restore: modes, owners, times to the nanosecond, ACLs, capabilities and
# other attributes, hard links, devices, any name, paths beyond PATH_MAX,
# holes; and a sparse file of 2 TiB costs seconds. What a target cannot hold is
# told, and the rest is whole.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need setfacl setfattr setcap chattr /usr/bin/time

# Attributes fill an inode's block, so the target is of the same kind.
work=$(loop_ext4 400)
new_store
mkdir "$work/src"
/usr/bin/python3 "$TOOLS/mktree.py" "$work/src"
# What an overlay has in place of what was removed; and what nobody may change.
mknod "$work/src/whiteout" c 0 0
echo sealed >"$work/src/immutable"
chattr +i "$work/src/immutable"

# Space that was reserved and never written reads as zeros, and whether the
# kernel calls it a hole depends on what has been read: bytes are compared,
# the map is not.
describe() {
	dump "$1" "$2.all"
	sed '/^prealloc\//s/ map=.*//' "$2.all" >"$2"
}
compare() {
	describe "$1" "$2"
	same "$SCRATCH/src.txt" "$2"
}
describe "$work/src" "$SCRATCH/src.txt"

say pull
began=$(date +%s)
pull all "$work/src"
[ $(($(date +%s) - began)) -le 20 ] || fail 'the pull took too long'
equal entries "$(field entries)" \
	"$(find "$work/src" -printf x | wc -c)"

say restore, into a directory that would give all to somebody
mkdir "$work/out"
setfacl -m u:1234:rwx,d:u:1234:rwx "$work/out"
began=$(date +%s)
expect_status 0 "$MUNIMENT" restore --json all@latest --target "$work/out"
[ $(($(date +%s) - began)) -le 20 ] || fail 'the restore took too long'
equal complete "$(field complete)" true
equal lost "$(field lost)" '[]'
compare "$work/out" "$SCRATCH/out.txt"
rm "$work/out/immutable"

say mount
mounted "$SCRATCH/mnt"
began=$(date +%s)
compare "$SCRATCH/mnt/all/latest" "$SCRATCH/mnt.txt"
[ $(($(date +%s) - began)) -le 60 ] || fail 'reading the mount took too long'
umount "$SCRATCH/mnt"

say and all of it is sound
expect_status 0 "$MUNIMENT" verify --read-data

say files of which three are more than a number of 64 bits can count
mkdir "$SCRATCH/ram"
mount -t tmpfs none "$SCRATCH/ram"
at_exit "unmount $(quote "$SCRATCH/ram")"
# More than one page of them.
mkdir "$SCRATCH/ram/vast" "$SCRATCH/ram/vast/dir"
/usr/bin/python3 - "$SCRATCH/ram/vast/dir" <<'END'
import os, sys
for i in range(300):
    with open(f"{sys.argv[1]}/{i:0100}", "wb") as file:
        file.truncate((1 << 63) - 1)
with open(f"{sys.argv[1]}/end", "wb") as file:
    file.seek((1 << 63) - 2)
    file.write(b"x")
END
dump "$SCRATCH/ram/vast" "$SCRATCH/vast.want"
pull vast "$SCRATCH/ram/vast"
expect_status 0 "$MUNIMENT" verify --read-data
expect_status 0 /usr/bin/python3 "$TOOLS/../reader/read.py" \
	"$MUNIMENT_STORE" "$MUNIMENT_PASSPHRASE_FILE" check
expect_status 0 "$MUNIMENT" restore vast@latest --target "$SCRATCH/ram/out"
dump "$SCRATCH/ram/out" "$SCRATCH/vast.got"
same "$SCRATCH/vast.want" "$SCRATCH/vast.got"
umount "$SCRATCH/ram"

say a deep tree of full directories
mount -t tmpfs none "$SCRATCH/ram"
/usr/bin/python3 - "$SCRATCH/ram" <<'END'
import os, sys
os.chdir(sys.argv[1])
for i in range(250):
    for j in range(1000):
        os.close(os.open(f"{j:03}", os.O_CREAT))
    os.mkdir("111-down")
    os.chdir("111-down")
END
pull deep "$SCRATCH/ram"
equal files "$(field files)" 250000
expect_status 0 "$MUNIMENT" ls --json --recursive deep@latest
equal listed "$(sort -u "$OUT" | wc -l)" 250250
umount "$SCRATCH/ram"

say links to files at the bottom of a deep tree
mount -t tmpfs none "$SCRATCH/ram"
mkdir "$SCRATCH/ram/src"
/usr/bin/python3 - "$SCRATCH/ram/src" <<'END'
import os, sys
os.chdir(sys.argv[1])
os.mkdir("others")
others = os.open("others", os.O_RDONLY)
for i in range(3000):
    os.mkdir("n" * 255)
    os.chdir("n" * 255)
for i in range(1000):
    os.close(os.open(f"{i}", os.O_CREAT))
    os.link(f"{i}", f"{i}", dst_dir_fd=others)
END
pull links "$SCRATCH/ram/src"
expect_status 0 /usr/bin/time -o "$SCRATCH/kib" -q -f %M \
	"$MUNIMENT" restore --json links@latest --target "$SCRATCH/ram/out"
equal 'hard links' "$(field hard_links)" 1000
equal 'names of each' "$(stat -c %h "$SCRATCH/ram/out/others/"* | sort -u)" 2
# What the key takes, and no path of 750 KiB for each.
[ "$(cat "$SCRATCH/kib")" -lt 300000 ] || fail "$(cat "$SCRATCH/kib") KiB"
umount "$SCRATCH/ram"

say a target without attributes
mkdir "$work/more" "$work/more/dir"
echo plain >"$work/more/plain"
for name in attr acl capable; do
	echo "$name" >"$work/more/$name"
	chmod 600 "$work/more/$name"
done
setfattr -n user.note -v kept "$work/more/attr"
setfacl -m u:1234:rw "$work/more/acl"
setfacl -m d:u:1234:rwx "$work/more/dir"
setcap cap_net_raw+ep "$work/more/capable"
pull more "$work/more"
mount -t ramfs none "$SCRATCH/ram"
expect_status 3 "$MUNIMENT" restore --json more@latest \
	--target "$SCRATCH/ram/out"
one_line_error
expect_stderr ': 4 inodes lack metadata; .*\[restore-incomplete\]$'
equal complete "$(field complete)" false
equal failed "$(field failed)" 0
expect_stdout '"what":"extended attributes","count":1,'
expect_stdout '"what":"POSIX ACLs","count":2,'
expect_stdout '"what":"file capabilities","count":1,'
diff -r "$work/more" "$SCRATCH/ram/out"
# Without its ACL the group must not get what was somebody else's.
equal 'mode of acl' "$(stat -c %a "$work/more/acl")" 660
equal 'mode of acl' "$(stat -c %a "$SCRATCH/ram/out/acl")" 600
