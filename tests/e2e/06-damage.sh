#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: one flipped bit, in any file of a store, is reported by verify with
# that file's name, and no command ever hands out a wrong byte with status
# 0. In cache/ no answer changes, and a cache that is lost or of
# yesterday changes none either.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

# An own small tree: every flip costs a handful of commands.
mkdir -p "$SCRATCH/src/folder"
head -c 300000 /dev/urandom >"$SCRATCH/src/noise"
seq 20000 >"$SCRATCH/src/folder/numbers"
echo deed >"$SCRATCH/src/folder/deed"
ln -s numbers "$SCRATCH/src/folder/link"
new_store
pull files1 "$SCRATCH/src"
echo codicil >"$SCRATCH/src/folder/codicil"
pull files1 "$SCRATCH/src"
unlock "$MUNIMENT_STORE"
cp -a "$MUNIMENT_STORE" "$SCRATCH/whole"
dump "$SCRATCH/src" "$SCRATCH/src.txt"

# Flip bit $3 of byte $2 of file $1.
flip() {
	/usr/bin/python3 -c 'import os, sys
name, at, bit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fd = os.open(name, os.O_RDWR)
byte = os.pread(fd, 1, at)
os.pwrite(fd, bytes([byte[0] ^ 1 << bit]), at)' "$@"
}

# Some offsets of a file of $1 bytes: both ends, the borders of what is
# known to lie in one, and some that no one thought of.
offsets() {
	/usr/bin/python3 -c 'import random, sys
n = int(sys.argv[1])
random.seed(n)
wanted = {0, 1, n // 2, n - 1, n - 2, 40, 70, 100, 4095, 4096, 65535, 65536}
wanted |= {random.randrange(n) for _ in range(int(sys.argv[2]))}
print(*sorted(o for o in wanted if 0 <= o < n))' "$@"
}

# put_back FILE: as it was before.
put_back() {
	chmod u+w "$MUNIMENT_STORE/$1"
	cp -p "$SCRATCH/whole/$1" "$MUNIMENT_STORE/$1"
}

# A restore gives the source's bytes, or a status that is not 0.
restores_or_refuses() {
	rm -rf "$SCRATCH/out"
	_status=0
	"$MUNIMENT" restore files1@latest --target "$SCRATCH/out" \
		>"$OUT" 2>"$ERR" || _status=$?
	if [ "$_status" -eq 0 ]; then
		dump "$SCRATCH/out" "$SCRATCH/out.txt"
		same "$SCRATCH/src.txt" "$SCRATCH/out.txt"
		return
	fi
	[ -s "$ERR" ] || fail "status $_status without a word"
	[ ! -d "$SCRATCH/out" ] && return
	# What is there is whole or not there.
	(cd "$SCRATCH/out" && find . -type f -print0) |
		while IFS= read -r _file; do :; done
	(cd "$SCRATCH/out" && find . -type f) | while read -r _file; do
		cmp "$SCRATCH/src/$_file" "$SCRATCH/out/$_file" ||
			fail "a wrong $_file was left"
	done
}

lists_or_refuses() {
	if "$MUNIMENT" ls --recursive files1@latest >"$OUT" 2>"$ERR"; then
		same "$SCRATCH/ls.txt" "$OUT"
	fi
	if "$MUNIMENT" snapshots >"$OUT" 2>"$ERR"; then
		same "$SCRATCH/snapshots.txt" "$OUT"
	fi
}
"$MUNIMENT" ls --recursive files1@latest >"$SCRATCH/ls.txt"
"$MUNIMENT" snapshots >"$SCRATCH/snapshots.txt"

say every file that matters
count=0
(cd "$SCRATCH/whole" && find store.conf keys packs manifests ledger \
	-type f | sort) >"$SCRATCH/files"
while read -r file; do
	size=$(stat -c %s "$SCRATCH/whole/$file")
	chmod u+w "$MUNIMENT_STORE/$file"
	for at in $(offsets "$size" 8); do
		flip "$MUNIMENT_STORE/$file" "$at" $((at % 8))
		_status=0
		"$MUNIMENT" verify >"$OUT" 2>"$ERR" || _status=$?
		[ "$_status" -eq 1 ] || {
			_show
			fail "bit $((at % 8)) of byte $at of $file: $_status"
		}
		# A name may be shown cut in front, never without its end.
		cat "$OUT" "$ERR" | grep -q -F "$(basename "$file" |
			cut -c1-32)" || {
			_show
			fail "byte $at of $file: its name is not told"
		}
		count=$((count + 1))
		flip "$MUNIMENT_STORE/$file" "$at" $((at % 8))
	done
	# Reading is dearer, so from fewer places.
	for at in $(offsets "$size" 2 | tr ' ' '\n' | shuf -n 4 \
		--random-source="$SCRATCH/whole/store.conf"); do
		flip "$MUNIMENT_STORE/$file" "$at" $((at % 8))
		restores_or_refuses
		lists_or_refuses
		flip "$MUNIMENT_STORE/$file" "$at" $((at % 8))
	done
	put_back "$file"
done <"$SCRATCH/files"
say "$count flips"
[ "$count" -gt 100 ] || fail 'that were too few'
expect_status 0 "$MUNIMENT" verify --read-data

say a file cut short, lost, or empty
while read -r file; do
	for cut in half empty lost; do
		case $cut in
		half) truncate -s $(($(stat -c %s "$SCRATCH/whole/$file") / 2)) \
			"$MUNIMENT_STORE/$file" ;;
		empty) : >"$MUNIMENT_STORE/$file" ;;
		lost) rm "$MUNIMENT_STORE/$file" ;;
		esac
		_status=0
		"$MUNIMENT" verify >"$OUT" 2>"$ERR" || _status=$?
		[ "$_status" -eq 1 ] || {
			_show
			fail "$file is $cut and verify says $_status"
		}
		restores_or_refuses
		[ "$cut" = lost ] || put_back "$file"
	done
	cp -p "$SCRATCH/whole/$file" "$MUNIMENT_STORE/$file"
done <"$SCRATCH/files"

say a mount gives an error, not a wrong byte
pack=$(cd "$MUNIMENT_STORE" && find packs -type f -size +256k)
chmod u+w "$MUNIMENT_STORE/$pack"
flip "$MUNIMENT_STORE/$pack" 100000 3
mounted "$SCRATCH/mnt"
! cat "$SCRATCH/mnt/files1/latest/noise" >"$SCRATCH/got" 2>/dev/null ||
	fail 'a damaged file was read from a mount without an error'
cmp -n "$(stat -c %s "$SCRATCH/got")" "$SCRATCH/got" "$SCRATCH/src/noise"
cmp "$SCRATCH/mnt/files1/latest/folder/deed" "$SCRATCH/src/folder/deed"
umount "$SCRATCH/mnt"

say verify --read-data names the file, in each snapshot, and no other
expect_status 1 "$MUNIMENT" verify --read-data
equal 'files named' "$(grep -c ':/noise: .*damaged' "$OUT")" 2
! grep -q ':/folder' "$OUT" || {
	_show
	fail 'a sound file is called damaged'
}
put_back "$pack"

say the cache: damaged, of yesterday, lost, a foreign one
answers() {
	expect_status 0 "$MUNIMENT" verify
	restores_or_refuses
	lists_or_refuses
	pull files1 "$SCRATCH/src"
	equal "root, cache $1" "$(field root)" "$root"
	"$MUNIMENT" snapshots >"$SCRATCH/snapshots.txt"
}
pull files1 "$SCRATCH/src"
root=$(field root)
"$MUNIMENT" snapshots >"$SCRATCH/snapshots.txt"
cp -a "$MUNIMENT_STORE/cache" "$SCRATCH/yesterday"
(cd "$MUNIMENT_STORE" && find cache -type f -size +0) >"$SCRATCH/cached"
while read -r file; do
	[ -e "$MUNIMENT_STORE/$file" ] || continue
	size=$(stat -c %s "$MUNIMENT_STORE/$file")
	for at in $(offsets "$size" 3); do
		flip "$MUNIMENT_STORE/$file" "$at" 1
	done
	answers "damaged in $file"
	rm -rf "$MUNIMENT_STORE/cache"
	cp -a "$SCRATCH/yesterday" "$MUNIMENT_STORE/cache"
done <"$SCRATCH/cached"
echo more >"$SCRATCH/src/folder/more"
pull files1 "$SCRATCH/src"
root=$(field root)
dump "$SCRATCH/src" "$SCRATCH/src.txt"
"$MUNIMENT" ls --recursive files1@latest >"$SCRATCH/ls.txt"
"$MUNIMENT" snapshots >"$SCRATCH/snapshots.txt"
rm -rf "$MUNIMENT_STORE/cache"
cp -a "$SCRATCH/yesterday" "$MUNIMENT_STORE/cache"
answers 'of yesterday'
rm -rf "$MUNIMENT_STORE/cache"
answers lost
rm -rf "$MUNIMENT_STORE/cache"
: >"$MUNIMENT_STORE/cache"
restores_or_refuses
