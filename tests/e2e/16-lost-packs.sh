#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: a pack that is gone, empty or cut costs no snapshot to come: what was
# in it and the source still has is read and stored anew by the next pull,
# whatever a cache says; nothing outside the store is touched by one.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

mkdir -p "$SCRATCH/src/folder/below"
head -c 300000 /dev/urandom >"$SCRATCH/src/noise"
for i in 1 2 3; do
	echo "deed $i" >"$SCRATCH/src/folder/below/deed-$i"
done
new_store
pull files1 "$SCRATCH/src"
# What was changed a moment ago is not trusted to be unchanged.
sleep 3
pull files1 "$SCRATCH/src"
pull files1 "$SCRATCH/src"
equal 'bytes read of what is unchanged' "$(field bytes_read)" 0
unlock "$MUNIMENT_STORE"
cp -a "$MUNIMENT_STORE" "$SCRATCH/whole"
dump "$SCRATCH/src" "$SCRATCH/expected"

restored() {
	rm -rf "$SCRATCH/out"
	expect_status 0 "$MUNIMENT" restore files1@latest \
		--target "$SCRATCH/out"
	dump "$SCRATCH/out" "$SCRATCH/found"
	same "$SCRATCH/found" "$SCRATCH/expected"
}

as_before() {
	unlock "$MUNIMENT_STORE"
	rm -rf "$MUNIMENT_STORE"
	cp -a "$SCRATCH/whole" "$MUNIMENT_STORE"
}

packs=$(cd "$MUNIMENT_STORE" && find packs -type f)
[ "$(echo "$packs" | wc -l)" -ge 2 ] || fail 'too few packs'
for pack in $packs; do
	for way in rm 'truncate -s 0' 'truncate -s -100' 'ln -sfn /dev/zero'; do
		say "$way $pack"
		$way "$MUNIMENT_STORE/$pack"
		pull files1 "$SCRATCH/src"
		restored
		expect_status 1 "$MUNIMENT" verify
		expect_stdout "^damaged: $pack"
		as_before
	done
done

say a bit that flipped, and the pack is taken away
pack=$(cd "$MUNIMENT_STORE" && find packs -type f -size +256k)
printf 'flipped' | dd of="$MUNIMENT_STORE/$pack" bs=1 seek=100000 \
	conv=notrunc status=none
expect_status 1 "$MUNIMENT" verify --read-data
expect_stdout "^damaged: $pack"
mv "$MUNIMENT_STORE/$pack" "$SCRATCH/taken"
pull files1 "$SCRATCH/src"
restored
as_before

say a cache behind a link
mkdir -p "$SCRATCH/ssd/index/photos" "$SCRATCH/ssd/stat"
echo x >"$SCRATCH/ssd/index/photos/1.jpg"
echo y >"$SCRATCH/ssd/stat/report.txt"
rm -r "$MUNIMENT_STORE/cache"
ln -s "$SCRATCH/ssd" "$MUNIMENT_STORE/cache"
expect_status 1 "$MUNIMENT" pull --source files1 "$SCRATCH/src"
one_line_error
expect_stderr 'cache: it is not a folder of the store.*\[index-damaged\]$'
equal 'foreign files' "$(find "$SCRATCH/ssd" -type f | wc -l)" 2
rm "$MUNIMENT_STORE/cache"
pull files1 "$SCRATCH/src"
restored
