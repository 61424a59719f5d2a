#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: sealed packs are immutable where the file system can do that and
# read-only where it cannot, and status tells which; what is unprotected,
# lies open in incoming/, or is old, shows there. No restore writes into the
# store.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need lsattr chattr

disk=$(loop_ext4 64)
new_store store "$disk"
mkdir "$SCRATCH/src"
head -c 100000 /dev/urandom >"$SCRATCH/src/noise"
pull files1 "$SCRATCH/src"

say immutable
find "$MUNIMENT_STORE/packs" "$MUNIMENT_STORE/manifests" -type f \
	>"$SCRATCH/sealed"
while read -r file; do
	lsattr "$file" | cut -d' ' -f1 | grep -q i || fail "$file: no flag"
	! rm -f "$file" 2>/dev/null || fail "$file could be removed"
	! sh -c ": >>'$file'" 2>/dev/null || fail "$file could be written"
done <"$SCRATCH/sealed"
expect_status 0 "$MUNIMENT" status --json
packs=$(field packs)
equal immutable "$(field packs_immutable)" "$packs"
equal writable "$(field packs_writable)" 0
equal incoming "$(field incoming)" 0
equal source "$(field sources.0.source)" files1
[ "$(field sources.0.age_seconds)" -lt 600 ] || fail 'too old'
[ "$(field free_bytes)" -gt 1000000 ] || fail 'no free space'

say without the flag
pack=$(find "$MUNIMENT_STORE/packs" -type f | head -n 1)
chattr -i "$pack"
expect_status 0 "$MUNIMENT" status --json
equal immutable "$(field packs_immutable)" $((packs - 1))
equal 'only read-only' "$(field packs_read_only)" 1
chmod 644 "$pack"
expect_status 0 "$MUNIMENT" status --json
equal writable "$(field packs_writable)" 1
expect_status 0 "$MUNIMENT" status
expect_stdout "^packs +$packs, .* $((packs - 1)) immutable, 0 only read-only, 1 writable\$"

say a restore does not go there, where the next pull would sweep
mkdir "$SCRATCH/bound" "$SCRATCH/beside"
at_exit "unmount $(quote "$SCRATCH/bound")"
mount --bind "$MUNIMENT_STORE" "$SCRATCH/bound"
ln -s "$MUNIMENT_STORE/incoming" "$SCRATCH/link"
for target in "$MUNIMENT_STORE" "$MUNIMENT_STORE/incoming" \
	"$MUNIMENT_STORE/incoming/new" "$SCRATCH/link" "$SCRATCH/link/new" \
	"$SCRATCH/beside/../bound/cache/new"; do
	refused target-bad "$MUNIMENT" restore files1@latest --overwrite \
		--target "$target"
done
umount "$SCRATCH/bound"
mount --bind "$MUNIMENT_STORE/incoming" "$SCRATCH/bound"
refused target-bad "$MUNIMENT" restore files1@latest \
	--target "$SCRATCH/bound/new"
umount "$SCRATCH/bound"
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/beside"

say a leftover
echo x >"$MUNIMENT_STORE/incoming/00112233445566778899aabbccddeeff"
echo x >"$MUNIMENT_STORE/manifests/.0011.tmp"
expect_status 0 "$MUNIMENT" status
expect_stdout '^incoming +1 open pack'
pull files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" status --json
equal incoming "$(field incoming)" 0
[ ! -e "$MUNIMENT_STORE/manifests/.0011.tmp" ] ||
	fail 'a manifest without a name was not swept'

say how root removes a store: the two commands of the README
chattr -R -i "$MUNIMENT_STORE"
rm -rf "$MUNIMENT_STORE"
[ ! -e "$MUNIMENT_STORE" ] || fail 'it is still there'
