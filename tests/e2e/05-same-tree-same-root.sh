#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: the same tree gives the same root id, however often it is pulled
# and whether or not the cache is there; a pull of what is known stores no
# file data; one changed byte changes the root and stores little; the same
# tree as another source is read whole and stores nothing but its own snapshot
# root; of a file of many names a few are read; what changed as it was pulled is
# read again.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

new_store
small_tree "$SCRATCH/src"
{
	head -c 1500000 /dev/urandom
	printf o
	head -c 1500000 /dev/urandom
} >"$SCRATCH/src/noise"

packs() {
	expect_status 0 "$MUNIMENT" status --json
	field pack_bytes
}

pull files1 "$SCRATCH/src"
root=$(field root)
[ "$(field bytes_stored)" -gt 3000000 ] || fail 'noise does not shrink'
bytes=$(packs)

say the second and the third, when nothing is too young to be trusted
for turn in 2 3; do
	sleep 3.1
	pull files1 "$SCRATCH/src"
	equal "root, turn $turn" "$(field root)" "$root"
	equal "stored, turn $turn" "$(field bytes_stored)" 0
done
equal 'read of what is known' "$(field bytes_read)" 0
equal 'bytes of packs' "$(packs)" "$bytes"

say without the cache all is read, and nothing is stored
rm -rf "$MUNIMENT_STORE/cache"
pull files1 "$SCRATCH/src"
equal 'root without a cache' "$(field root)" "$root"
[ "$(field bytes_read)" -gt 3000000 ] || fail 'what was read, if not all?'
equal 'bytes of packs without a cache' "$(packs)" "$bytes"

say another source with the same files
pull files2 "$SCRATCH/src"
[ "$(field bytes_stored)" -le 262144 ] || {
	_show
	fail 'the same files were stored again'
}
# It was asked for all of them: what another source has sent does not show.
[ "$(field bytes_read)" -gt 3000000 ] || fail 'it learned what is stored'

say many names of one file: a few are read
mkdir "$SCRATCH/names"
head -c 1000000 /dev/urandom >"$SCRATCH/names/0"
for i in $(seq 300); do
	ln "$SCRATCH/names/0" "$SCRATCH/names/$i"
done
sleep 3 # what is as young as that is read again
for change in : touch; do
	$change "$SCRATCH/names/7"
	[ $change = : ] || sleep 3
	pull names "$SCRATCH/names"
	[ "$(field bytes_read)" -gt 0 ] || fail 'nothing was read'
	[ "$(field bytes_read)" -lt 4000000 ] ||
		fail "$(field bytes_read) bytes of one were read"
	pull names "$SCRATCH/names"
	equal 'bytes read of what did not change' "$(field bytes_read)" 0
done
expect_status 0 "$MUNIMENT" restore names@latest --target "$SCRATCH/names.out"
cmp "$SCRATCH/names/0" "$SCRATCH/names.out/123"
equal names "$(stat -c %h "$SCRATCH/names.out/123")" 301

say a file that changed between its listing and its reading
mkdir "$SCRATCH/late"
echo before >"$SCRATCH/late/deed"
sleep 3
# It changes when the vault has said what it wants of its directory.
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec "$TOOLS/late_agent.py" "$MUNIMENT_BUILD/agent/muniment-agent" \
	'printf behind >"$SCRATCH/late/deed"'
END
chmod 755 "$SCRATCH/agent"
pull late "$SCRATCH/late" --agent "$SCRATCH/agent"
expect_status 0 "$MUNIMENT" restore late@latest --target "$SCRATCH/late.out"
equal deed "$(cat "$SCRATCH/late.out/deed")" behind
pull late "$SCRATCH/late"
equal 'bytes read of what is too young to be trusted' \
	"$(field bytes_read)" 6

say a file of a moment ago, over a slow line
mkdir "$SCRATCH/slow"
# What the agent says behind its greeting takes three seconds.
cat >"$SCRATCH/agent" <<END
#!/usr/bin/python3
import os, shutil, struct, subprocess, sys, time
child = subprocess.Popen(["$MUNIMENT_BUILD/agent/muniment-agent"],
                         stdout=subprocess.PIPE, bufsize=0)
out = os.fdopen(1, "wb", 0)
head = child.stdout.read(8)
out.write(head + child.stdout.read(struct.unpack_from("<I", head)[0]))
time.sleep(3)
shutil.copyfileobj(child.stdout, out)
sys.exit(child.wait())
END
echo moment >"$SCRATCH/slow/deed"
pull slow "$SCRATCH/slow" --agent "$SCRATCH/agent"
pull slow "$SCRATCH/slow"
equal 'bytes read of what was too young to be trusted' \
	"$(field bytes_read)" 7
pull slow "$SCRATCH/slow"
equal 'bytes read of what is old' "$(field bytes_read)" 0

say one byte
printf x | dd of="$SCRATCH/src/noise" bs=1 seek=1500000 conv=notrunc \
	2>/dev/null
pull files1 "$SCRATCH/src"
[ "$(field root)" != "$root" ] || fail 'a change went unnoticed'
[ "$(field bytes_stored)" -le 1048576 ] || {
	_show
	fail 'one byte made more than a MiB'
}
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
cmp "$SCRATCH/src/noise" "$SCRATCH/out/noise"
expect_status 0 "$MUNIMENT" verify --read-data
