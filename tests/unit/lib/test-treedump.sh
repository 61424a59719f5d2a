#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: the tree dumper sees each kind of difference, exactly that one,
# and none between a tree and its faithful copy, so that a scenario which
# compares two dumps can be trusted; and the tree builder builds the same
# tree twice. As root on a fresh ext4, else in the scratch folder with
# what any user may do.
# shellcheck source=tests/lib/lib.sh
. "$(dirname "$0")/../../lib/lib.sh"
tools=$(cd "$(dirname "$0")/../../lib" && pwd)

need cp fallocate setfacl setfattr
root=no
builder_flags='--small --unprivileged'
work=$SCRATCH/work
if [ "$(id -u)" -eq 0 ]; then
	root=yes
	builder_flags=--small
	need setcap
	work=$(loop_ext4 160)
else
	mkdir "$work"
fi
cd "$work"

dump() {
	/usr/bin/python3 "$tools/treedump.py" "$@"
}

# same A B: fail unless two dump files are equal.
same() {
	diff "$1" "$2" | cut -c1-500 >diff.txt
	[ ! -s diff.txt ] || {
		cat diff.txt >&2
		fail "$1 and $2 differ"
	}
}

# differing A B: the fields in which two dump files differ, in one line:
# PATH:FIELD, or PATH:new, or PATH:lost.
differing() {
	awk 'NR == FNR {
		fields[$1] = NF
		for (i = 2; i <= NF; i++)
			before[$1, i] = $i
		next
	}
	!($1 in fields) {
		print $1 ":new"
		next
	}
	{
		met[$1] = 1
		for (i = 2; i <= NF; i++)
			if (before[$1, i] != $i)
				print $1 ":" substr($i, 1, index($i, "=") - 1)
	}
	END {
		for (path in fields)
			if (!(path in met))
				print path ":lost"
	}' "$1" "$2" | sort | tr '\n' ' '
}

stamp='2020-02-02 02:02:02.000000001'

# Give everything below the current directory the sample's mtime.
settle() {
	find . -depth -exec touch -h -d "$stamp" {} +
}

# sees EXPECTED COMMANDS [OPTION]: copy the sample, run the line of shell
# in the copy, and fail unless the dumps (made with OPTION) differ in the
# EXPECTED fields and no others.
sees() {
	rm -rf copy
	cp -a sample copy
	(cd copy && eval "$2")
	before=sample.txt
	if [ $# -gt 2 ]; then
		before=before.txt
		dump "$3" sample >before.txt
		dump "$3" copy >after.txt
	else
		dump copy >after.txt
	fi
	seen=$(differing "$before" after.txt)
	[ "$seen" = "$1${1:+ }" ] ||
		fail "after '$2' the dumps differ in '$seen', not in '$1'"
}

say "a sample with one inode of each kind"
mkdir sample sample/dir sample/dir/sub
printf 'one two three' >sample/file
printf 'linked' >sample/link-a
ln sample/link-a sample/dir/link-b
: >sample/empty
head -c 65536 /dev/zero >sample/zeros
(printf 'island'; head -c 12282 /dev/zero) >sample/moving
truncate -s 300000 sample/sparse
printf 'island' | dd of=sample/sparse bs=1 seek=200000 conv=notrunc \
	status=none
truncate -s 2T sample/huge
printf 'far' | dd of=sample/huge bs=1M seek=2000000 conv=notrunc status=none
ln -s target sample/symlink
mkfifo sample/fifo
printf 'x' >"$(printf 'sample/odd \n\033[1m\377\134')"
setfattr -n user.key -v value sample/file
setfattr -n user.key -v value sample/dir
setfacl -m u:1001:r sample/file
setfacl -d -m u:1001:rx sample/dir
if [ "$root" = yes ]; then
	mknod sample/device c 1 3
	printf 'x' >sample/program
	setcap cap_net_raw+ep sample/program
fi
(cd sample && settle)
dump sample >sample.txt

say "a copy shows no difference, and the dump is well formed"
sees '' ':'
dump --json sample >before.txt
dump --json copy >after.txt
same before.txt after.txt
[ "$(wc -l <after.txt)" -eq "$(find sample -printf 'x\n' | wc -l)" ] ||
	fail "not one line per name"
grep -q -F 'odd\\x20\\x0a\\x1b[1m\\xff\\x5c"' after.txt ||
	fail "the odd name is not escaped"
/usr/bin/python3 -c '
import json, sys
for line in sys.stdin:
    record = json.loads(line)
    assert isinstance(record["mtime"], int), record
    assert (record["sha256"] is None) == (record["type"] != "f"), record
' <after.txt
! grep -q '[^ -~]' sample.txt || fail "foreign bytes in the dump"
grep -q '^huge .* size=2199023255552 .* map=2097152000000-2097152004096$' \
	sample.txt || fail "the island in the 2 TiB file is not shown"
grep -q '^zeros .* map=0-65536$' sample.txt ||
	fail "written zeros are not shown as data"

say "modes, owners, times"
sees 'empty:mode' 'chmod o+x empty'
sees 'empty:mode' 'chmod u+s empty'
sees 'dir/sub:mode' 'chmod +t dir/sub'
sees 'file:mtime' 'touch -d "2020-02-02 02:02:02.000000002" file'
sees 'dir:mtime' 'touch -d "2020-02-02 02:02:02.000000002" dir'
sees '.:mtime' 'touch -d "2020-02-02 02:02:02" .'
sees 'symlink:mtime' 'touch -h -d "1969-12-31 23:59:58.5" symlink'
if [ "$root" = yes ]; then
	sees 'file:uid' 'chown 4294967294 file'
	sees 'dir:gid' 'chgrp 1 dir'
	sees 'symlink:uid' 'chown -h 1000 symlink'
fi

say "xattrs, ACLs, capabilities"
sees 'file:xattr' 'setfattr -n user.key -v other file'
sees 'file:xattr' 'setfattr -n user.key file'
sees 'file:xattr' 'setfattr -x user.key file'
sees 'dir:xattr' 'setfattr -n user.more -v value dir'
sees 'file:xattr' 'setfacl -m u:1002:r file'
sees 'file:xattr' 'setfacl -n -m u:1001:- file'
sees 'dir:xattr' 'setfacl -k dir'
if [ "$root" = yes ]; then
	sees 'symlink:xattr' 'setfattr -h -n trusted.key -v value symlink'
	sees 'program:xattr' 'setcap cap_net_raw+eip program'
	sees 'program:xattr' 'setcap -r program'
fi

say "links and names"
sees 'dir/link-b:link dir/link-b:nlink link-a:link link-a:nlink' \
	'cp -a link-a new; mv new dir/link-b; settle'
sees 'dir/link-b:nlink link-a:nlink link-c:new' \
	'ln link-a link-c; settle'
sees 'empty:nlink' 'ln empty ../outside; settle'
rm outside
sees '' 'ln empty ../outside; settle' --no-nlink
rm outside
sees 'symlink:target' 'ln -sf tarGet symlink; settle'
sees 'file:lost' 'rm file; settle'
sees 'dir/sub:lost' 'rmdir dir/sub; settle'
sees 'FILE:new file:lost' 'mv file FILE; settle'

say "types and device numbers"
sees 'empty:map empty:sha256 empty:type' \
	'rm empty; mkfifo -m 0644 empty; settle'
sees 'fifo:type' 'rm fifo; /usr/bin/python3 -c \
	"import os; os.mknod(\"fifo\", 0o140644)"; settle'
if [ "$root" = yes ]; then
	sees 'device:rdev' 'rm device; mknod device c 1 5; settle'
	sees 'device:rdev' 'rm device; mknod device c 2 3; settle'
	sees 'device:type' 'rm device; mknod device b 1 3; settle'
fi

say "contents and holes"
sees 'file:sha256' \
	'printf T | dd of=file bs=1 seek=4 conv=notrunc status=none; settle'
sees 'file:sha256 file:size' 'printf . >>file; settle'
sees 'moving:sha256' 'head -c 4096 /dev/zero | dd of=moving bs=4096 \
	conv=notrunc status=none; printf island | dd of=moving bs=4096 \
	seek=1 conv=notrunc status=none; settle'
sees 'zeros:size' 'truncate -s 65535 zeros; settle'
sees 'huge:sha256' 'printf x | dd of=huge bs=1M seek=2000000 \
	conv=notrunc status=none; settle'
fill='dd if=/dev/zero of=sparse bs=4096 seek=3 count=1 conv=notrunc \
	status=none; settle'
sees 'sparse:map' "$fill"
sees '' "$fill" --no-holes
sees 'zeros:map' 'fallocate -p -o 8192 -l 4096 zeros; settle'
sees 'zeros:map' 'fallocate -d zeros; settle'
sees 'sparse:map sparse:sha256' 'fallocate -p -o 196608 -l 4096 sparse; \
	printf island | dd of=sparse bs=1 seek=100000 conv=notrunc \
	status=none; settle'

say "reading reserved space does not turn it into data"
fallocate -l 1M sample/reserved
dump sample >before.txt
cat sample/reserved >/dev/null
dump sample >after.txt
same before.txt after.txt
rm sample/reserved

say "the tree builder is repeatable, below PATH_MAX too"
mkdir tree-1 tree-2
for tree in tree-1 tree-2; do
	# shellcheck disable=SC2086
	/usr/bin/python3 "$tools/mktree.py" $builder_flags "$tree"
	dump "$tree" >"$tree.txt"
done
same tree-1.txt tree-2.txt
/usr/bin/python3 -c '
import os
os.chdir("tree-2/deep")
for level in range(60):
    os.chdir("%02d-" % level + "d" * 197)
was = os.stat("file-59").st_mtime_ns
with open("file-59", "r+b") as f:
    f.write(b"!")
os.utime("file-59", ns=(was, was))
'
dump tree-2 >tree-2.txt
seen=$(differing tree-1.txt tree-2.txt | sed 's,deep/[^ ]*/,,g')
[ "$seen" = 'file-59:sha256 linked:sha256 ' ] ||
	fail "a byte beyond PATH_MAX: the dumps differ in '$seen'"

say "a copy of the built tree shows no difference"
# cp cannot name paths that long, and writes reserved space out.
mv tree-1/deep .
dump --no-holes tree-1 >tree-1.txt
cp -a tree-1 tree-3
dump --no-holes tree-3 >tree-3.txt
same tree-1.txt tree-3.txt
