#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what somebody does in the first hour works as the README says:
# init, pull, snapshots, ls, mount, restore, verify, status, each with its
# help, and a pull of the same tree costs nothing.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

say init
new_store
expect_stdout '^id +[0-9a-f]{32}$'
expect_stdout '^ledger key +([0-9a-f]{4}-){7}[0-9a-f]{4}$'
expect_stdout 'Write the passphrase down'
expect_stdout 'muniment pull --store'
equal 'mode of keys/vault' "$(stat -c %a "$MUNIMENT_STORE/keys/vault")" 600

say pull
small_tree "$SCRATCH/src"
dump "$SCRATCH/src" "$SCRATCH/src.txt" --no-holes
expect_status 0 "$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_stdout '^files1@20[0-9T:-]+Z  [0-9a-f]{16}$'
[ ! -s "$ERR" ] || fail "a pull that went well is not silent on stderr"

say snapshots, ls
expect_status 0 "$MUNIMENT" snapshots
expect_stdout '^files1@20'
expect_status 0 "$MUNIMENT" snapshots --json
snapshot=$(field snapshots.0.snapshot)
id=$(field snapshots.0.id)
for name in files1@latest "$snapshot" "$id" "$(echo "$id" | cut -c1-8)"; do
	expect_status 0 "$MUNIMENT" ls "$name"
	expect_stdout '^drwxr-xr-x .* regular$'
done
expect_status 0 "$MUNIMENT" ls files1@latest:/regular/text-100
expect_stdout '^-rw-r--r-- .* 100 20.* text-100$'
expect_status 0 "$MUNIMENT" ls files1@latest:/symlinks
expect_stdout '^lrwxrwxrwx.* relative -> \.\./regular/text-100$'
expect_status 0 "$MUNIMENT" ls --recursive --json files1@latest
find "$SCRATCH/src" -mindepth 1 -printf x | wc -c >"$SCRATCH/wanted"
wc -l <"$OUT" >"$SCRATCH/listed"
same "$SCRATCH/wanted" "$SCRATCH/listed"

say names on a terminal are escaped, in JSON they are whole
expect_status 0 "$MUNIMENT" ls files1@latest:/names
! grep -q "$(printf '[\001-\011\013-\037\177]')" "$OUT" ||
	fail 'a control character reached stdout'
expect_stdout '\\x1b\[31mred\\x1b\[0m$'
expect_status 0 "$MUNIMENT" ls --json files1@latest:/names
expect_stdout '"name_b64":"/w=="'

say mount
mounted "$SCRATCH/mnt"
dump "$SCRATCH/mnt/files1/latest" "$SCRATCH/mnt.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/mnt.txt"
umount "$SCRATCH/mnt"

say mount by a program that has no standard streams
expect_status 0 sh -c '"$1" mount "$2" <&- >&- 2>&-' sh "$MUNIMENT" "$SCRATCH/mnt"
dump "$SCRATCH/mnt/files1/latest" "$SCRATCH/mnt2.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/mnt2.txt"
umount "$SCRATCH/mnt"

say restore, whole, a directory and a file
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
dump "$SCRATCH/out" "$SCRATCH/out.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/out.txt"
expect_status 0 "$MUNIMENT" restore files1@latest:/regular \
	--target "$SCRATCH/regular"
diff -r "$SCRATCH/src/regular" "$SCRATCH/regular"
mkdir "$SCRATCH/one"
expect_status 0 "$MUNIMENT" restore --target "$SCRATCH/one" \
	files1@latest:/regular/noise-300k
cmp "$SCRATCH/src/regular/noise-300k" "$SCRATCH/one/noise-300k"

say verify, status
expect_status 0 "$MUNIMENT" verify
expect_stdout '^all is well$'
expect_status 0 "$MUNIMENT" verify --read-data --json
equal ok "$(field ok)" true
[ "$(field objects)" -gt 100 ] || fail "verify --read-data opened nothing"
expect_status 0 "$MUNIMENT" status
expect_stdout '^source +files1 +1 snapshot'

say help
expect_status 0 "$MUNIMENT" --version
expect_stdout '^muniment [0-9]'
expect_status 0 "$MUNIMENT" --help
verbs=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$OUT")
[ "$(echo "$verbs" | wc -w)" -eq 8 ] || fail "verbs: $verbs"
for verb in $verbs; do
	for asked in "$verb --help" "help $verb"; do
		# shellcheck disable=SC2086
		expect_status 0 "$MUNIMENT" $asked
		expect_stdout "^usage: muniment $verb "
		[ ! -s "$ERR" ] || fail "$asked: help belongs on stdout"
		[ "$(wc -L <"$OUT")" -le 80 ] || fail "$asked: above 80"
	done
done

say without keys/vault the ids remain, and with a passphrase the names
mv "$MUNIMENT_STORE/keys/vault" "$SCRATCH/vault"
expect_status 0 "$MUNIMENT" snapshots
expect_stdout '^files1@'
pass=$MUNIMENT_PASSPHRASE_FILE
unset MUNIMENT_PASSPHRASE_FILE
expect_status 0 "$MUNIMENT" snapshots
expect_stdout "^$(echo "$id" | cut -c1-16)  20"
! grep -q files1 "$OUT" || fail 'a name without a key'
expect_stderr 'names are not shown.*\[key-missing\]$'
expect_status 1 "$MUNIMENT" verify
expect_stdout '^damaged: keys/vault: .*\[key-missing\]$'
expect_status 0 "$MUNIMENT" restore --passphrase-file "$pass" \
	--target "$SCRATCH/again" files1@latest:/regular
diff -r "$SCRATCH/src/regular" "$SCRATCH/again"
