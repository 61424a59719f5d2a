#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: the kernel's source over a real sshd with the agent as its forced
# command: pulled, browsed in a mount, restored and compared with diff -r,
# verified; the second pull asks for next to nothing. A client that wants
# anything else of the source gets the agent all the same.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need tar xz
archive=
for found in /usr/src/linux-source-*.tar.xz; do
	[ -e "$found" ] && archive=$found
done
[ -n "$archive" ] || {
	echo 'SKIP: no source of a kernel is there (linux-source)' >&2
	exit 77
}
kernel=$(basename "$archive" .tar.xz)

# In memory where there is room for two trees and a store.
place=$SCRATCH
if [ "$(df --output=avail -k /dev/shm | tail -n 1)" -gt 4500000 ]; then
	place=$(mktemp -d /dev/shm/mun.XXXXXX)
	at_exit "rm -rf $(quote "$place")"
fi
new_store store "$place"
mkdir "$place/src"
tar -C "$place/src" -xf "$archive"
sleep 3 # what is as young as that is read again

start_sshd "$MUNIMENT_BUILD/agent/muniment-agent"
location=vaultsource:$place/src
remote() {
	pull "$1" "$location" --ssh-config "$SCRATCH/ssh_config"
}

say first pull
remote kernel
root=$(field root)
equal complete "$(field complete)" true
[ "$(field files)" -gt 70000 ] || fail 'that is no kernel'

say second pull
remote kernel
equal 'root of the same tree' "$(field root)" "$root"
equal 'bytes read' "$(field bytes_read)" 0
equal 'bytes stored' "$(field bytes_stored)" 0

say mount
mounted "$SCRATCH/mnt"
top=$SCRATCH/mnt/kernel/latest/$kernel
ls -lR "$top/Documentation" | wc -l | grep -qE '^[0-9]{4}'
cmp "$place/src/$kernel/MAINTAINERS" "$top/MAINTAINERS"
diff -r --no-dereference "$place/src/$kernel/fs" "$top/fs"
umount "$SCRATCH/mnt"

say restore
expect_status 0 "$MUNIMENT" restore kernel@latest --target "$place/out"
diff -r --no-dereference "$place/src" "$place/out"

say verify
expect_status 0 "$MUNIMENT" verify --read-data

say the key is good for nothing else
expect_status 1 ssh -F "$SCRATCH/ssh_config" vaultsource cat /etc/shadow \
	</dev/null
! grep -q -a root "$OUT" || fail 'the forced command was not in force'
