#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what the pull could not read of a file's attributes is told by every
# reader, and gives nobody more rights than before; a file that was removed
# meanwhile is a change and no failure; what stands in place of a folder of the
# store, or a pack that is put back, costs no more than itself.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

new_store

say a file that was removed since it was listed
mkdir "$SCRATCH/src"
echo stays >"$SCRATCH/src/stays"
echo goes >"$SCRATCH/src/goes"
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec "$TOOLS/late_agent.py" "$MUNIMENT_BUILD/agent/muniment-agent" \
	'rm "$SCRATCH/src/goes"'
END
chmod 755 "$SCRATCH/agent"
pull live "$SCRATCH/src" --agent "$SCRATCH/agent"
equal complete "$(field complete)" true
equal entries "$(field entries)" 2
equal changed "$(field changed)" 1
expect_status 0 "$MUNIMENT" ls --problems live@latest
equal lines "$(grep -c '^goes: it was removed before it could be read: No such file' "$OUT")" 1
expect_status 0 "$MUNIMENT" restore live@latest --target "$SCRATCH/live"
equal 'what comes back' "$(ls "$SCRATCH/live")" stays
echo goes >"$SCRATCH/src/goes"
pull live "$SCRATCH/src"
equal entries "$(field entries)" 3
expect_status 0 /usr/bin/python3 "$TOOLS/../reader/read.py" \
	"$MUNIMENT_STORE" "$MUNIMENT_PASSPHRASE_FILE" check

say a folder of the store that is none
for what in cache incoming; do
	mv "$MUNIMENT_STORE/$what" "$SCRATCH/$what"
	mkfifo "$MUNIMENT_STORE/$what"
	expect_status 0 "$MUNIMENT" status
	rm "$MUNIMENT_STORE/$what"
	mv "$SCRATCH/$what" "$MUNIMENT_STORE/$what"
done

[ "$(id -u)" -eq 0 ] || exit 0
say attributes that could not be read
memory=$(mktemp -d /dev/shm/mun.XXXXXX)
at_exit "rm -rf $(quote "$memory")"
mkdir "$memory/src"
echo secret >"$memory/src/deed"
chmod 640 "$memory/src/deed"
setfacl -m u:55:rw "$memory/src/deed"
equal 'mode with an ACL' "$(stat -c %a "$memory/src/deed")" 660
/usr/bin/python3 -c 'import os, sys
for i in range(20):
    os.setxattr(sys.argv[1], "trusted.%d" % i, bytes(60000))' \
	"$memory/src/deed"
expect_status 3 "$MUNIMENT" pull --source attrs "$memory/src"
expect_status 0 "$MUNIMENT" ls attrs@latest
expect_stdout '^-rw-rw----!.* deed$'
expect_status 0 "$MUNIMENT" ls --json attrs@latest
expect_stdout '"attributes_unread": *true'
expect_status 3 "$MUNIMENT" restore attrs@latest --target "$SCRATCH/attrs"
expect_stdout 'without attributes, which the source could not read: 1$'
equal 'content' "$(cat "$SCRATCH/attrs/deed")" secret
equal 'mode without its ACL' "$(stat -c %a "$SCRATCH/attrs/deed")" 600
expect_status 3 "$MUNIMENT" restore --json attrs@latest \
	--target "$SCRATCH/attrs.json"
equal 'told as JSON' "$(field attributes_unread)" 1
equal 'complete' "$(field complete)" false

[ -w /dev/fuse ] || exit 0
mounted "$SCRATCH/mnt"
file=$SCRATCH/mnt/attrs/latest/deed
equal 'mode in the mount' "$(stat -c %a "$file")" 600
expect_status 1 getfattr -d -m - "$file"
expect_stderr 'Input/output error'

say a pack that is put back below a running mount
head -c 3000000 /dev/urandom >"$SCRATCH/src/noise"
pull noise "$SCRATCH/src"
fusermount3 -u "$SCRATCH/mnt"
mounted "$SCRATCH/mnt"
file=$SCRATCH/mnt/noise/latest/noise
head -c 10 "$file" >"$SCRATCH/head"
unlock "$MUNIMENT_STORE"
pack=$(find "$MUNIMENT_STORE/packs" -type f -size +2000k)
cp -p "$pack" "$SCRATCH/pack"
: >"$pack"
echo 1 >/proc/sys/vm/drop_caches
expect_status 1 cat "$file"
rm -f "$pack"
cp -p "$SCRATCH/pack" "$pack"
expect_status 0 cmp "$SCRATCH/src/noise" "$file"
