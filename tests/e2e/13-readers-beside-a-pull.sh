#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: while a pull runs, a mount stays readable, a new mount and a
# restore begin, and verify finds nothing wrong; the mount of before still
# shows what it showed.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need flock

new_store
small_tree "$SCRATCH/src"
dump "$SCRATCH/src" "$SCRATCH/src.txt" --no-holes
pull files1 "$SCRATCH/src"
mounted "$SCRATCH/mnt"

# A pull that goes on until it is let: its last file is a slow agent's.
mkdir "$SCRATCH/large"
for i in 1 2 3 4 5 6; do
	head -c 30000000 /dev/urandom >"$SCRATCH/large/$i"
done
cat >"$SCRATCH/agent" <<END
#!/bin/sh
# Stopped and let go on, so that the pull is long enough to look at.
exec 3<&0
"$MUNIMENT_BUILD/agent/muniment-agent" <&3 &
agent=\$!
sleep 0.2
: >"$SCRATCH/agent-runs"
kill -STOP \$agent
while [ ! -e "$SCRATCH/go" ]; do sleep 0.05; done
kill -CONT \$agent
wait \$agent
END
chmod 755 "$SCRATCH/agent"
"$MUNIMENT" pull --source large "$SCRATCH/large" --agent "$SCRATCH/agent" \
	>"$SCRATCH/told" 2>&1 &
pull=$!
at_exit "touch $(quote "$SCRATCH/go"); stop_process $pull"
busy() {
	! flock -n "$MUNIMENT_STORE/ledger" true
}
wait_for "[ -e $(quote "$SCRATCH/agent-runs") ]"

say readers
dump "$SCRATCH/mnt/files1/latest" "$SCRATCH/mnt.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/mnt.txt"
mounted "$SCRATCH/mnt2"
dump "$SCRATCH/mnt2/files1/latest" "$SCRATCH/mnt2.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/mnt2.txt"
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
dump "$SCRATCH/out" "$SCRATCH/out.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/out.txt"
expect_status 0 "$MUNIMENT" verify --read-data
expect_status 0 "$MUNIMENT" status
busy || fail 'the pull was over too soon to prove anything'

say the pull ends well
: >"$SCRATCH/go"
wait "$pull" || {
	cat "$SCRATCH/told" >&2
	fail 'the pull failed'
}
dump "$SCRATCH/mnt/files1/latest" "$SCRATCH/mnt.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/mnt.txt"
umount "$SCRATCH/mnt"
umount "$SCRATCH/mnt2"
mounted "$SCRATCH/mnt"
diff -r "$SCRATCH/large" "$SCRATCH/mnt/large/latest"
umount "$SCRATCH/mnt"
expect_status 0 "$MUNIMENT" verify --read-data
