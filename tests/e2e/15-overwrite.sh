#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: restore --overwrite takes no file away before the one that replaces
# it is whole: not when the store is damaged, the disk full, a file not to be
# changed or not to grow, and not when it is killed at any place; what it
# leaves then has a name of its own. A restore ends on the disk or says that
# it did not, what it makes is closed to others until it is whole, and a
# target that cannot be written is told at once.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need strace setpriv chattr cmp

disk=$(loop_ext4 200)
src=$SCRATCH/src
old=$SCRATCH/old
live=$disk/live

# fill DIR WORD: the same names each time, with other content.
fill() {
	mkdir -p "$1/dir"
	echo "$2" | cat - "$SCRATCH/random" >"$1/big"
	echo "$2" | cat - "$SCRATCH/random" | head -c 300000 >"$1/noise"
	echo "$2 linked" | cat - "$SCRATCH/random" | head -c 200000 >"$1/a"
	ln "$1/a" "$1/b"
	echo "$2" >"$1/dir/inner"
	ln -s "$2" "$1/link"
	mkfifo "$1/fifo"
}
head -c 17000000 /dev/urandom >"$SCRATCH/random"
fill "$src" new
# What this one would share with the other may be in no damaged place.
head -c 17000000 /dev/urandom >"$SCRATCH/random"
fill "$old" old
echo mine >"$old/mine"

new_store
pull files1 "$src"
over() {
	"$MUNIMENT" restore files1@latest --overwrite --target "$live"
}
# From here on, what is live is the old tree.
again() {
	[ ! -e "$live" ] || chattr -R -f -i "$live" || :
	rm -rf "$live"
	cp -a "$old" "$live"
}
temps() {
	find "$live" -name '.muniment-restore-*'
}

# each_is FOLDER NAME...: these files are as they are there.
each_is() {
	_folder=$1
	shift
	for _file in "$@"; do
		cmp "$_folder/$_file" "$live/$_file" ||
			fail "$_file is not that of $_folder"
	done
}

say all goes well
again
expect_status 0 over
each_is "$src" big noise a b dir/inner
each_is "$old" mine
equal link "$(readlink "$live/link")" new
equal 'names of one' "$(stat -c %h "$live/b")" 2
equal left "$(temps)" ''

say what must not be changed stays, and is no directory
again
chattr +i "$live/noise"
expect_status 3 over
expect_stderr '^noise: it cannot be replaced: Operation not permitted; '
equal lines "$(wc -l <"$ERR")" 2
each_is "$old" noise mine
each_is "$src" big a b dir/inner
equal left "$(temps)" ''
again
rm "$live/noise"
mkdir "$live/noise"
expect_status 3 over
expect_stderr '^noise: a directory is in the way; '

say a file that may not grow
expect_status 3 sh -c "ulimit -f 1000
	exec '$MUNIMENT' restore files1@latest --target '$disk/grown'"
expect_stderr '^big: its length cannot be set: File too large; .*\[io\]$'
[ ! -e "$disk/grown/big" ] || fail 'it left an empty file'
cmp "$src/noise" "$disk/grown/noise"
rm -r "$disk/grown"

say a full disk
mkdir "$SCRATCH/small"
at_exit "unmount $(quote "$SCRATCH/small")"
mount -t tmpfs -o size=8m none "$SCRATCH/small"
mkdir "$SCRATCH/small/live"
for name in big noise a; do
	echo old >"$SCRATCH/small/live/$name"
done
ln "$SCRATCH/small/live/a" "$SCRATCH/small/live/b"
expect_status 1 "$MUNIMENT" restore files1@latest --overwrite \
	--target "$SCRATCH/small/live"
expect_stderr ' (big|noise|a): writing failed: No space left on device; what was there stays as it was; .*\[target-full\]$'
equal big "$(cat "$SCRATCH/small/live/big")" old
for name in noise a b; do
	cmp -s "$SCRATCH/small/live/$name" "$src/$name" ||
		equal "$name" "$(cat "$SCRATCH/small/live/$name")" old
done
equal left "$(find "$SCRATCH/small" -name '.muniment-*')" ''
umount "$SCRATCH/small"

say killed at any place
# whole: each file is the old or the new one; what is beside them has a name
# of its own.
cat >"$SCRATCH/whole" <<'END'
import os, sys
live, *trees = sys.argv[1:]

def content(path):
    if os.path.islink(path):
        return os.readlink(path)
    if not os.path.isfile(path):
        return os.lstat(path).st_mode & 0o170000
    with open(path, "rb") as f:
        return f.read()

wanted = {}
for tree in trees:
    for base, dirs, files in os.walk(tree):
        for name in dirs + files:
            path = os.path.join(base, name)
            wanted.setdefault(os.path.relpath(path, tree), []).append(
                content(path))
for base, dirs, files in os.walk(live):
    for name in dirs + files:
        path = os.path.join(base, name)
        if name.startswith(".muniment-restore-"):
            print("left", name)
        elif content(path) not in wanted.pop(os.path.relpath(path, live)):
            sys.exit(f"{path} is neither the old nor the new one")
if wanted:
    sys.exit(f"{list(wanted)} are gone")
END
points=0
for call in pwrite64 ftruncate fchown fchmod utimensat renameat2 unlinkat \
	mkdirat mknodat symlinkat linkat; do
	at=1
	status=137
	while [ "$status" -eq 137 ] && [ "$at" -lt 40 ]; do
		again
		status=0
		strace -f -qq -o "$SCRATCH/calls" -e trace="$call" \
			-e inject="$call:signal=KILL:when=$at" \
			"$MUNIMENT" restore files1@latest --overwrite \
			--target "$live" >"$OUT" 2>"$ERR" || status=$?
		/usr/bin/python3 "$SCRATCH/whole" "$live" "$old" "$src" \
			>>"$SCRATCH/left" || fail "$call $at"
		points=$((points + 1))
		at=$((at + 1))
	done
	[ "$status" -eq 137 ] || equal "status after $call" "$status" 0
done
[ "$points" -gt 20 ] || fail "only $points points"
grep -q '^left \.muniment-restore-' "$SCRATCH/left" ||
	fail 'no kill left anything'

say it says whether it is on the disk
expect_status 0 strace -f -o "$SCRATCH/calls" -e trace=syncfs,write \
	"$MUNIMENT" restore files1@latest --target "$disk/out"
/usr/bin/python3 -c 'import sys
calls = open(sys.argv[1]).read()
synced = calls.index("syncfs(")
assert calls.index(" = 0", synced) < calls.index(" files, ", synced), calls
assert " files, " not in calls[:synced], calls' "$SCRATCH/calls" ||
	fail 'it says that it is done before it is on the disk'
rm -r "$disk/out"
expect_status 1 strace -f -o "$SCRATCH/calls" -e trace=syncfs \
	-e inject=syncfs:error=EIO \
	"$MUNIMENT" restore files1@latest --target "$disk/out"
one_line_error
expect_stderr 'may not be on the disk: Input/output error; .*\[io\]$'
[ ! -s "$OUT" ] || fail 'it reports success'
rm -r "$disk/out"

say nobody else can look before owner and mode are set
expect_status 0 sh -c "umask 0
	exec strace -f -o '$SCRATCH/calls' -e trace=openat,mkdirat,mknodat \
	'$MUNIMENT' restore files1@latest --target '$disk/out'"
grep -e 'openat(.*O_CREAT' -e 'mkdirat(' -e 'mknodat(' \
	"$SCRATCH/calls" >"$SCRATCH/made"
[ "$(wc -l <"$SCRATCH/made")" -ge 6 ] || fail "$(cat "$SCRATCH/made")"
! grep -v -e 'O_CREAT.*, 0600\>' -e 'mkdirat.*, 0700\>' \
	-e 'mknodat.*S_IFIFO|0600\>' "$SCRATCH/made" || fail 'made open to others'
rm -r "$disk/out"

say a target that cannot be written is told at once
mkdir "$SCRATCH/bin" "$disk/closed"
cp "$MUNIMENT" "$MUNIMENT_BUILD/cli/muniment-read" "$SCRATCH/bin"
cp -a "$MUNIMENT_STORE" "$SCRATCH/theirs"
cp "$MUNIMENT_PASSPHRASE_FILE" "$SCRATCH/theirs.pass"
chown -R 65534:65534 "$SCRATCH/theirs" "$SCRATCH/theirs.pass"
chmod 755 "$SCRATCH" "$disk"
# as_nobody SNAPSHOT TARGET: restored without a right above others.
as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$SCRATCH/bin/muniment" restore "$1" --overwrite --target "$2" \
		--store "$SCRATCH/theirs" --passphrase-file "$SCRATCH/theirs.pass"
}
expect_status 1 as_nobody files1@latest "$disk/closed"
expect_stderr "^muniment restore: $disk/closed: it cannot be written: Permission denied; .*\\[target-bad\\]\$"
[ ! -s "$OUT" ] || fail 'it began all the same'
! grep -q '^big: ' "$ERR" || fail 'it tried each file'

say who closed a directory to himself restores into it again
mkdir -p "$SCRATCH/shut/read/below" "$SCRATCH/shut/none"
echo one >"$SCRATCH/shut/read/below/file"
echo two >"$SCRATCH/shut/none/file"
chmod 555 "$SCRATCH/shut/read" "$SCRATCH/shut/read/below"
chmod 0 "$SCRATCH/shut/none"
chown -R 65534:65534 "$SCRATCH/shut"
"$MUNIMENT" pull --store "$SCRATCH/theirs" --source shut "$SCRATCH/shut"
unlock "$SCRATCH/theirs"
chown -R 65534:65534 "$SCRATCH/theirs"
install -d -o 65534 -g 65534 "$disk/own"
expect_status 0 as_nobody shut@latest "$disk/own"
expect_status 0 as_nobody shut@latest "$disk/own"
equal 'modes' "$(cd "$disk/own" && stat -c %a read read/below none | xargs)" \
	'555 555 0'
diff -r "$SCRATCH/shut" "$disk/own"

say a store that may not be read says so
chown -R 0:0 "$SCRATCH/theirs"
expect_status 1 as_nobody shut@latest "$disk/own"
expect_stderr 'Permission denied; .*\[store-denied\]$'
diff -r "$SCRATCH/shut" "$disk/own"

say the store that lies below the target, or is mounted there, is spared
mkdir -p "$SCRATCH/srv" "$SCRATCH/far/vault/ledger" "$SCRATCH/far/vault/deep" \
	"$SCRATCH/far/payroll/kept" "$SCRATCH/srv/payroll/kept"
echo mine >"$SCRATCH/far/vault/store.conf"
echo mine >"$SCRATCH/far/vault/ledger/leaves-00000000"
echo mine >"$SCRATCH/far/payroll/kept/leaves-00000000"
echo mine >"$SCRATCH/far/payroll/june"
new_store vault "$SCRATCH/srv"
pull files1 "$SCRATCH/far"
mount --bind "$MUNIMENT_STORE/ledger" "$SCRATCH/srv/payroll/kept"
at_exit "umount $(quote "$SCRATCH/srv/payroll/kept")"
sums "$MUNIMENT_STORE" >"$SCRATCH/sums"
expect_status 3 "$MUNIMENT" restore files1@latest --target "$SCRATCH/srv" \
	--overwrite
for name in vault payroll/kept; do
	expect_stderr "^$name: it is the store itself, or of it; the files there are untouched; .*\\[target-exists\\]\$"
done
sums "$MUNIMENT_STORE" >"$SCRATCH/sums.now"
same "$SCRATCH/sums" "$SCRATCH/sums.now"
cmp "$SCRATCH/far/payroll/june" "$SCRATCH/srv/payroll/june"
expect_status 0 "$MUNIMENT" verify
umount "$SCRATCH/srv/payroll/kept"
MUNIMENT_STORE=$SCRATCH/store MUNIMENT_PASSPHRASE_FILE=$SCRATCH/store.pass

say a damaged store
unlock "$MUNIMENT_STORE"
find "$MUNIMENT_STORE/packs" -type f -size +1000k >"$SCRATCH/packs"
while read -r pack; do
	chmod u+w "$pack"
	/usr/bin/python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for at in range(100000, os.fstat(fd).st_size - 100000, 20000):
    byte = os.pread(fd, 1, at)
    os.pwrite(fd, bytes([byte[0] ^ 8]), at)' "$pack"
done <"$SCRATCH/packs"
again
expect_status 3 over
each_is "$old" big noise a b mine
for name in big noise a b; do
	expect_stderr "^$name: packs/.*; what was there stays as it was; .*\\[pack-damaged\\]\$"
done
expect_stderr '\[restore-incomplete\]$'
equal left "$(temps)" ''
