#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: of a damaged pack a mount gives an error and no wrong byte, and what
# is not in it as ever; verify --read-data names each file that is lost, in
# each snapshot, and no other; what keeps a store from being read is one line
# with a name. (That every byte is covered is for the walls: tests/walls.)
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need setpriv

mkdir -p "$SCRATCH/src/folder"
head -c 300000 /dev/urandom >"$SCRATCH/src/noise"
seq 20000 >"$SCRATCH/src/folder/numbers"
echo deed >"$SCRATCH/src/folder/deed"
new_store
pull files1 "$SCRATCH/src"
echo codicil >"$SCRATCH/src/folder/codicil"
pull files1 "$SCRATCH/src"
unlock "$MUNIMENT_STORE"
cp -a "$MUNIMENT_STORE" "$SCRATCH/whole"

# Flip a bit of byte $2 of file $1.
flip() {
	chmod u+w "$MUNIMENT_STORE/$1"
	/usr/bin/python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
byte = os.pread(fd, 1, int(sys.argv[2]))
os.pwrite(fd, bytes([byte[0] ^ 8]), int(sys.argv[2]))' \
		"$MUNIMENT_STORE/$1" "$2"
}

# put_back FILE: as it was before.
put_back() {
	cp -p "$SCRATCH/whole/$1" "$MUNIMENT_STORE/$1"
}

# without_rights COMMAND...: as a user for whom modes of files count.
without_rights() {
	[ "$(id -u)" -ne 0 ] ||
		set -- setpriv --bounding-set=-dac_override,-dac_read_search "$@"
	"$@"
}

say a mount gives an error, not a wrong byte
pack=$(cd "$MUNIMENT_STORE" && find packs -type f -size +256k)
flip "$pack" 100000
mounted "$SCRATCH/mnt"
! cat "$SCRATCH/mnt/files1/latest/noise" >"$SCRATCH/got" 2>/dev/null ||
	fail 'a damaged file was read from a mount without an error'
cmp -n "$(stat -c %s "$SCRATCH/got")" "$SCRATCH/got" "$SCRATCH/src/noise"
cmp "$SCRATCH/mnt/files1/latest/folder/deed" "$SCRATCH/src/folder/deed"
umount "$SCRATCH/mnt"

say verify names the pack and who needs it
expect_status 1 "$MUNIMENT" verify
expect_stdout "^damaged: $pack: .*\\[pack-damaged\\]\$"
equal 'snapshots named' "$(grep -c '^  needed by files1@' "$OUT")" 2
one_line_error
expect_stderr '\[pack-damaged\]$'

say verify --read-data names the file, in each snapshot, and no other
expect_status 1 "$MUNIMENT" verify --read-data
equal 'files named' "$(grep -c ':/noise: .*damaged' "$OUT")" 2
! grep -q ':/folder' "$OUT" || {
	_show
	fail 'a sound file is called damaged'
}
put_back "$pack"

say what could not be read is not called damaged
chmod 000 "$MUNIMENT_STORE/$pack"
expect_status 1 without_rights "$MUNIMENT" verify --read-data
expect_stdout "^not read: $pack: .*\\[store-denied\\]\$"
equal 'files named' "$(grep -c '^not read: files1@.*:/noise: ' "$OUT")" 2
expect_stderr ' could not be read, .*\[store-denied\]$'
one_line_error
! grep -q damaged "$OUT" "$ERR" || {
	_show
	fail 'a sound store is called damaged'
}
echo x >>"$MUNIMENT_STORE/keys/recipient-1"
expect_status 1 without_rights "$MUNIMENT" verify
expect_stdout '^damaged: keys/recipient-1: '
expect_stdout "^not read: $pack: "
expect_stderr ' 1 objects .* are damaged, and 1 objects .*\[key-damaged\]$'
put_back keys/recipient-1
chmod 400 "$MUNIMENT_STORE/$pack"
put_back "$pack"
expect_status 0 "$MUNIMENT" verify

say what keeps a store from being read has a name
for file in store.conf:store-conf-damaged \
	ledger/checkpoint:checkpoint-damaged; do
	flip "${file%:*}" 50
	refused "${file#*:}" "$MUNIMENT" verify
	refused "${file#*:}" "$MUNIMENT" snapshots
	refused "${file#*:}" "$MUNIMENT" pull --source files1 "$SCRATCH/src"
	put_back "${file%:*}"
done

say readers do not look at the cache
rm -r "$MUNIMENT_STORE/cache"
: >"$MUNIMENT_STORE/cache"
expect_status 0 "$MUNIMENT" verify --read-data
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
dump "$SCRATCH/src" "$SCRATCH/src.txt"
dump "$SCRATCH/out" "$SCRATCH/out.txt"
same "$SCRATCH/src.txt" "$SCRATCH/out.txt"

say verify and pull agree on what a crash may have left of the ledger
rm "$MUNIMENT_STORE/cache"
leaves=ledger/leaves-00000000
head -c 600000 /dev/urandom >>"$MUNIMENT_STORE/$leaves"
expect_status 0 "$MUNIMENT" verify
expect_stdout '^note: .*\[ledger-torn\]$'
pull files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" verify
! grep -q ledger-torn "$OUT" || fail 'it is still torn'
size=$(stat -c %s "$MUNIMENT_STORE/$leaves")
truncate -s 200G "$MUNIMENT_STORE/$leaves"
expect_status 1 "$MUNIMENT" verify
expect_stdout '^damaged: .*\[ledger-damaged\]$'
expect_status 1 "$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_stderr '\[ledger-damaged\]$'
truncate -s "$size" "$MUNIMENT_STORE/$leaves"
expect_status 0 "$MUNIMENT" verify

say a folder in the place of a file of the ledger
mv "$MUNIMENT_STORE/ledger/hash-0" "$SCRATCH/hash-0"
mkdir "$MUNIMENT_STORE/ledger/hash-0"
expect_status 1 "$MUNIMENT" pull --source files1 "$SCRATCH/src"
one_line_error
expect_stderr 'hash-0: it is not a regular file; .*\[ledger-damaged\]$'
rmdir "$MUNIMENT_STORE/ledger/hash-0"
mv "$SCRATCH/hash-0" "$MUNIMENT_STORE/ledger/hash-0"
pull files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" verify

say a folder that is gone is named for what it holds
mv "$MUNIMENT_STORE/keys" "$SCRATCH/keys"
expect_status 1 "$MUNIMENT" verify
expect_stdout '^damaged: keys: the folder is missing.*\[key-missing\]$'
! grep -q '\[io\]' "$OUT" || fail 'no disk has failed'
mv "$SCRATCH/keys" "$MUNIMENT_STORE/keys"
unlock "$MUNIMENT_STORE"
for of in packs:pack-missing manifests:manifest-missing ledger:ledger-damaged
do
	folder=${of%:*}
	mv "$MUNIMENT_STORE/$folder" "$SCRATCH/away"
	for verb in verify "pull --source files1 $SCRATCH/src"; do
		# shellcheck disable=SC2086
		expect_status 1 "$MUNIMENT" $verb
		expect_stderr "\\[${of#*:}\\]\$"
		cat "$OUT" "$ERR" >"$SCRATCH/said"
		grep -q "$folder: the folder is missing" "$SCRATCH/said" ||
			fail "$verb does not name $folder"
		! grep -q '\[io\]' "$SCRATCH/said" || fail 'no disk has failed'
	done
	mv "$SCRATCH/away" "$MUNIMENT_STORE/$folder"
done
# Without a copy: what the sources still have is stored again.
mv "$MUNIMENT_STORE/packs" "$SCRATCH/away"
mkdir "$MUNIMENT_STORE/packs"
pull files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/again"
diff -r "$SCRATCH/src" "$SCRATCH/again"
cp -a "$SCRATCH/away/." "$MUNIMENT_STORE/packs"
expect_status 0 "$MUNIMENT" verify --read-data

say a folder that is a link
mv "$MUNIMENT_STORE/ledger" "$SCRATCH/away-ledger"
ln -s "$SCRATCH/away-ledger" "$MUNIMENT_STORE/ledger"
expect_status 1 "$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_stderr 'ledger: it is not a folder of the store; .*\[ledger-damaged\]$'
rm "$MUNIMENT_STORE/ledger"
mv "$SCRATCH/away-ledger" "$MUNIMENT_STORE/ledger"

say an older ledger, put back with the newer manifests gone
cp -a "$MUNIMENT_STORE/ledger" "$SCRATCH/ledger"
ls "$MUNIMENT_STORE/manifests" >"$SCRATCH/manifests"
for size in 100000 200000; do
	head -c "$size" /dev/urandom >"$SCRATCH/src/noise"
	pull files1 "$SCRATCH/src"
done
unlock "$MUNIMENT_STORE"
rm -r "$MUNIMENT_STORE/ledger"
cp -a "$SCRATCH/ledger" "$MUNIMENT_STORE/ledger"
for manifest in "$MUNIMENT_STORE"/manifests/*; do
	grep -q "${manifest##*/}" "$SCRATCH/manifests" || rm "$manifest"
done
expect_status 1 "$MUNIMENT" verify
expect_stdout '^damaged: packs/.*an older ledger was put back.*\[ledger-damaged\]$'
expect_stdout '^note: packs/.*\[leftover\]$'

say what can be listed is listed, behind damage too
mkdir "$SCRATCH/many" "$SCRATCH/many/a" "$SCRATCH/many/z"
/usr/bin/python3 -c 'import os, sys
for _ in range(3000):
    open(os.path.join(sys.argv[1], os.urandom(60).hex()), "w").close()' \
	"$SCRATCH/many/a"
echo last >"$SCRATCH/many/z/last"
new_store many-store
pull many "$SCRATCH/many"
most=$(find "$MUNIMENT_STORE/packs" -type f -size +256k)
equal packs "$(echo "$most" | wc -l)" 1
unlock "$MUNIMENT_STORE"
flip "${most#"$MUNIMENT_STORE"/}" 70000
expect_status 1 "$MUNIMENT" ls --recursive many@latest
expect_stdout ' z/last$'
expect_stderr '^a: .*\[pack-damaged\]$'
expect_stderr '1 directories or links, told above, .* all else is listed'

say links whose targets are lost are listed, and named
mkdir "$SCRATCH/links"
/usr/bin/python3 -c 'import os, sys
for i in range(400):
    os.symlink(os.urandom(1000).hex(), f"{sys.argv[1]}/{i}")' "$SCRATCH/links"
new_store link-store
pull links "$SCRATCH/links"
most=$(find "$MUNIMENT_STORE/packs" -type f -size +256k)
equal packs "$(echo "$most" | wc -l)" 1
unlock "$MUNIMENT_STORE"
flip "${most#"$MUNIMENT_STORE"/}" 150000
for how in "" --recursive; do
	# shellcheck disable=SC2086
	expect_status 1 "$MUNIMENT" ls $how links@latest
	equal entries "$(wc -l <"$OUT")" 400
	expect_stdout '[0-9] -> \?$'
	expect_stdout '[0-9] -> [0-9a-f]*$'
	expect_stderr '^[0-9]*: .*\[pack-damaged\]$'
	expect_stderr 'directories or links, told above, .*\[pack-damaged\]$'
done
