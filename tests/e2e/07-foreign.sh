#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: a pack, a manifest, a ledger or a checkpoint of another store (or
# an older one of this store, put in place of a newer) is refused by name,
# by readers and by the pull, and nothing of it is handed out.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

mkdir "$SCRATCH/src" "$SCRATCH/evil"
echo genuine >"$SCRATCH/src/deed"
echo forged >"$SCRATCH/evil/deed"
new_store other
pull files1 "$SCRATCH/evil"
other=$MUNIMENT_STORE
new_store mine
pull files1 "$SCRATCH/src"
unlock "$other"
unlock "$MUNIMENT_STORE"
cp -a "$MUNIMENT_STORE" "$SCRATCH/whole"
cd "$MUNIMENT_STORE"

whole() {
	cd "$SCRATCH"
	unlock "$MUNIMENT_STORE"
	rm -rf "$MUNIMENT_STORE"
	cp -a "$SCRATCH/whole" "$MUNIMENT_STORE"
	cd "$MUNIMENT_STORE"
}

# caught PATTERN: no reader and no pull takes it, and verify names it.
caught() {
	_status=0
	"$MUNIMENT" verify >"$OUT" 2>"$ERR" || _status=$?
	[ "$_status" -eq 1 ] || fail "verify: $_status"
	cat "$OUT" "$ERR" | grep -E -q "$1" || {
		_show
		fail "verify does not say $1"
	}
	_status=0
	rm -rf "$SCRATCH/out"
	"$MUNIMENT" restore files1@latest --target "$SCRATCH/out" \
		>"$OUT" 2>"$ERR" || _status=$?
	! grep -q -r forged "$SCRATCH/out" 2>/dev/null ||
		fail 'something foreign was restored'
	[ "$_status" -ne 0 ] || [ -n "${2:-}" ] || fail 'restore: status 0'
	whole
}

say a pack under the name of one of ours
for pack in $(find packs -type f); do
	foreign=$(cd "$other" && find packs -type f | head -n 1)
	cp "$other/$foreign" "$pack"
	caught '\[pack-(foreign|damaged)\]'
done

say a pack beside ours
foreign=$(cd "$other" && find packs -type f | head -n 1)
mkdir -p "$(dirname "$foreign")"
cp "$other/$foreign" "$foreign"
caught '\[pack-foreign\]' harmless

say a manifest, in place of ours and beside it
cp "$other"/manifests/* "$(find manifests -type f)"
caught '\[manifest-(foreign|damaged)\]'
cp "$other"/manifests/* manifests/
caught '\[manifest-foreign\]' harmless

say the checkpoint
cp "$other/ledger/checkpoint" ledger/checkpoint
caught '\[(checkpoint|ledger)-foreign\]'

say the whole ledger, and what goes with it
rm -r ledger
cp -a "$other/ledger" ledger
caught '\[(checkpoint|ledger|store)-foreign\]'
rm -r ledger packs manifests
cp -a "$other/ledger" "$other/packs" "$other/manifests" .
caught '\[(checkpoint|ledger|store)-foreign\]'
rm -r ledger packs manifests
cp -a "$other/ledger" "$other/packs" "$other/manifests" .
cp -p "$other/store.conf" store.conf
refused store-foreign "$MUNIMENT" pull --source files1 "$SCRATCH/src"
_status=0
"$MUNIMENT" restore files1@latest --target "$SCRATCH/out2" >"$OUT" \
	2>"$ERR" || _status=$?
[ "$_status" -eq 1 ] || fail "a swapped store: $_status"
whole

say keys
cp -p "$other/keys/vault" keys/vault
refused store-foreign "$MUNIMENT" pull --source files1 "$SCRATCH/src"
whole
cp -p "$other"/keys/recipient-1 keys/recipient-1
caught 'recipient-1' harmless
cp -p "$other"/keys/epoch-1-1 keys/epoch-1-1
caught 'epoch-1-1' harmless
