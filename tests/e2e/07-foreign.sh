#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what is of another store is refused in one line with a name, by
# readers and by the pull, before anything is changed. (Which parts of a store
# can be exchanged without notice is for the walls: tests/walls.)
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

# take FILE...: from the other store, in place of ours.
take() {
	for _taken in "$@"; do
		rm -r "${MUNIMENT_STORE:?}/$_taken"
		cp -a "$other/$_taken" "$MUNIMENT_STORE/$_taken"
	done
}

whole() {
	unlock "$MUNIMENT_STORE"
	rm -rf "$MUNIMENT_STORE"
	cp -a "$SCRATCH/whole" "$MUNIMENT_STORE"
}

# no_one CODE: neither readers nor the pull take it.
no_one() {
	refused "$1" "$MUNIMENT" snapshots
	refused "$1" "$MUNIMENT" ls files1@latest
	refused "$1" "$MUNIMENT" restore files1@latest \
		--target "$SCRATCH/out"
	refused "$1" "$MUNIMENT" pull --source files1 "$SCRATCH/src"
	[ ! -e "$SCRATCH/out" ] || fail 'something was restored'
	whole
}

say its checkpoint
take ledger/checkpoint
no_one checkpoint-foreign

say its ledger
take ledger
no_one checkpoint-foreign

say its ledger, packs and manifests
take ledger packs manifests
no_one checkpoint-foreign

say all but the keys, which the passphrase and the pull hold on to
take store.conf ledger packs manifests
refused wrong-passphrase "$MUNIMENT" restore files1@latest \
	--target "$SCRATCH/out"
refused store-foreign "$MUNIMENT" pull --source files1 "$SCRATCH/src"
whole

say its keys
take keys/vault
refused store-foreign "$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
equal deed "$(cat "$SCRATCH/out/deed")" genuine
