#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what is excluded is not in the snapshot and everything else is:
# patterns, caches by their tag, other file systems, and always the store
# itself when it lies below the source.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

src=$SCRATCH/src
mkdir -p "$src/var/cache/deep" "$src/var/log" "$src/home/.cache" \
	"$src/kept/node_modules/x" "$src/vault"
for file in var/cache/deep/a var/log/b.log kept/c.log kept/d.txt \
	kept/node_modules/x/e home/.cache/f; do
	echo "$file" >"$src/$file"
done
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' \
	>"$src/home/.cache/CACHEDIR.TAG"
new_store store "$src/vault"

# names: all paths of the newest snapshot, sorted.
names() {
	expect_status 0 "$MUNIMENT" ls --recursive --json files1@latest
	/usr/bin/python3 -c 'import json, sys
for line in open(sys.argv[1]):
    print(json.loads(line)["name"])' "$OUT" | sort
}
has() {
	names >"$SCRATCH/names"
	for _path in "$@"; do
		grep -qxF "$_path" "$SCRATCH/names" || fail "$_path is not in it"
	done
}
lacks() {
	for _path in "$@"; do
		! grep -qxF "$_path" "$SCRATCH/names" || fail "$_path is in it"
	done
}

say the store itself
pull files1 "$src"
has vault var/cache/deep/a var/log/b.log home/.cache/f kept/node_modules/x/e
lacks vault/store vault/store/store.conf

say patterns
pull files1 "$src" --exclude '*.log' --exclude /var/cache \
	--exclude node_modules
has kept/d.txt home/.cache/f var/log kept
lacks var/log/b.log kept/c.log var/cache var/cache/deep/a \
	kept/node_modules kept/node_modules/x/e

say caches
pull files1 "$src" --exclude-caches
has home kept/c.log
lacks home/.cache/f
expect_status 0 "$MUNIMENT" verify --read-data

[ "$(id -u)" -eq 0 ] || exit 0
say a tag that somebody else put into a shared folder hides nothing
mkdir -m 1777 "$src/shared"
chmod 755 "$SCRATCH" "$src"
echo x >"$src/shared/victim"
cp "$src/home/.cache/CACHEDIR.TAG" "$src/shared/"
chown 65534 "$src/shared/CACHEDIR.TAG"
pull files1 "$src" --exclude-caches
has shared/victim
lacks home/.cache/f
chown 0 "$src/shared/CACHEDIR.TAG"
pull files1 "$src" --exclude-caches
has shared
lacks shared/victim

say a file system whose server does not answer, and that is not entered
mkdir "$src/hung"
(
	new_store other
	exec "$MUNIMENT" mount --foreground "$src/hung"
) >"$SCRATCH/served" 2>&1 &
server=$!
at_exit "umount -l $(quote "$src/hung")"
at_exit "kill -KILL $server"
# Whoever looks at it has the kernel remember what it saw.
wait_for "grep -q ' $src/hung ' /proc/self/mountinfo"
kill -STOP "$server"
expect_status 0 timeout 60 "$MUNIMENT" pull --json --source files1 "$src"
has hung
kill -KILL "$server"
umount -l "$src/hung"

say other file systems
mkdir "$src/other"
mount -t tmpfs -o size=1m none "$src/other" || exit 0
at_exit "unmount $(quote "$src/other")"
for i in $(seq 20); do
	echo x >"$src/other/g$i"
done
echo x >"$src/other/g"
pull files1 "$src"
has other kept/d.txt
lacks other/g
# A folder of a file system in memory has a size of its own; by the page the one
# that was not entered has none.
expect_status 0 /usr/bin/python3 "$TOOLS/../reader/read.py" \
	"$MUNIMENT_STORE" "$MUNIMENT_PASSPHRASE_FILE" check
pull files1 "$src" --cross-file-systems
has other other/g

say the store itself by another mount
mkdir "$SCRATCH/bound"
mount --bind "$MUNIMENT_STORE" "$SCRATCH/bound"
at_exit "umount $(quote "$SCRATCH/bound")"
expect_status 2 "$MUNIMENT" pull --store "$SCRATCH/bound" --source files1 "$src"
expect_stderr 'store: it is the store itself.*--exclude'
mkdir "$src/packs-too"
mount --bind "$MUNIMENT_STORE/packs" "$src/packs-too"
at_exit "umount $(quote "$src/packs-too")"
expect_status 2 "$MUNIMENT" pull --source files1 "$src" --cross-file-systems \
	--exclude /vault/store
expect_stderr 'packs-too: it is the store itself, or of it.*--exclude'
umount "$src/packs-too"
rmdir "$src/packs-too"
pull files1 "$src" --store "$SCRATCH/bound" --exclude /vault/store
has vault
lacks vault/store
