#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: a pull that is killed or stopped in the middle leaves earlier
# snapshots as they were; the next one sweeps what lay open, does not store
# again what was sealed, and is whole. A restore that is stopped says so. A
# terminal that goes away stops both, unless they were started to outlive it. A
# database that ends the process is told of by name.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need setsid strace

new_store
small_tree "$SCRATCH/src"
pull files1 "$SCRATCH/src"
first=$(field snapshot)
root=$(field root)
dump "$SCRATCH/src" "$SCRATCH/src.txt" --no-holes

mkdir "$SCRATCH/large"
i=0
while [ $i -lt 16 ]; do
	head -c 25000000 /dev/urandom >"$SCRATCH/large/$i"
	i=$((i + 1))
done
dump "$SCRATCH/large" "$SCRATCH/large.txt"

sealed() {
	find "$MUNIMENT_STORE/packs" -type f -printf '%s\n' |
		awk '{ n += $1 } END { print n + 0 }'
}
# Of those, what verify has just named: no pull takes up a pack that lacks its
# leaf, which KILL leaves at times.
left_over() {
	sed -n 's/^note: \(packs[^:]*\): no leaf speaks of it.*/\1/p' "$OUT" |
		while read -r pack; do
			stat -c %s "$MUNIMENT_STORE/$pack"
		done | awk '{ n += $1 } END { print n + 0 }'
}
before=$(sealed)

# Begin a pull, and end it by a signal once a pack of it is sealed.
broken_off() {
	hears_signals setsid -w "$MUNIMENT" pull --source large "$SCRATCH/large" \
		>"$SCRATCH/told" 2>&1 &
	_job=$!
	wait_for "[ \$(sealed) -gt $before ]" 60
	_pull=$(pgrep -f -x "[^ ]*muniment-pull.*$SCRATCH/large.*" |
		head -n 1)
	kill -"$1" "$_pull"
	# timeout(1) sends it to the process and to its group.
	sleep 0.01
	kill -"$1" "$_pull" 2>/dev/null || :
	_status=0
	wait "$_job" || _status=$?
}

for signal in KILL INT TERM HUP; do
	say "$signal"
	broken_off "$signal"
	[ "$_status" -ne 0 ] || fail "the pull ended with 0 after $signal"
	[ "$signal" = KILL ] || {
		grep -q '\[interrupted\]$' "$SCRATCH/told" || {
			cat "$SCRATCH/told" >&2
			fail "it does not say that it was interrupted"
		}
		equal lines "$(wc -l <"$SCRATCH/told")" 1
	}
	! pgrep -f "muniment-agent.*$SCRATCH" || fail 'an agent is left'
	expect_status 0 "$MUNIMENT" snapshots --json
	! grep -q '"large"' "$OUT" || fail 'half a snapshot is listed'
	equal 'the earlier snapshot' "$(field snapshots.0.snapshot)" "$first"
	expect_status 0 "$MUNIMENT" verify --read-data
	before=$(sealed)
	kept=$((before - $(left_over)))
done

say the next one is whole and adds only what was not sealed
pull large "$SCRATCH/large"
equal complete "$(field complete)" true
stored=$(field bytes_stored)
[ $((kept + stored)) -le 430000000 ] || {
	_show
	fail "$kept were sealed, and $stored stored again, of 400000000"
}
[ "$stored" -lt 380000000 ] || fail 'nothing of it was kept'
[ -z "$(ls "$MUNIMENT_STORE/incoming")" ] || fail 'incoming/ was not swept'

# Begin a restore to a folder, by way of a command if one is given, and hang
# up in the middle.
hung_up() {
	_target=$1
	shift
	"$@" "$MUNIMENT" restore large@latest --target "$_target" \
		>"$SCRATCH/told" 2>&1 &
	_job=$!
	wait_for "[ -s \$_target/0 ]" 60
	kill -HUP "$(pgrep -f -x "[^ ]*muniment-read.*$_target" |
		head -n 1)"
	_status=0
	wait "$_job" || _status=$?
}

say a restore is stopped, or goes on under nohup
hung_up "$SCRATCH/stopped" hears_signals setsid -w
equal 'status after HUP' "$_status" 1
grep -q '\[interrupted\]$' "$SCRATCH/told" || {
	cat "$SCRATCH/told" >&2
	fail "it does not say that it was interrupted"
}
rm -rf "$SCRATCH/stopped"
hung_up "$SCRATCH/out" setsid -w env --ignore-signal=HUP
equal 'status under nohup' "$_status" 0
dump "$SCRATCH/out" "$SCRATCH/out.txt"
same "$SCRATCH/large.txt" "$SCRATCH/out.txt"
expect_status 0 "$MUNIMENT" restore "$first" --target "$SCRATCH/out1"
dump "$SCRATCH/out1" "$SCRATCH/out1.txt" --no-holes
same "$SCRATCH/src.txt" "$SCRATCH/out1.txt"
pull files1 "$SCRATCH/src"
equal root "$(field root)" "$root"
expect_status 0 "$MUNIMENT" verify --read-data

# thread_refused N: a pull of which the N-th thread of a process cannot be made.
thread_refused() {
	_status=0
	strace -f -q -o "$SCRATCH/calls" -e trace=clone3 \
		-e "inject=clone3:error=EAGAIN:when=$1" "$MUNIMENT" pull \
		--source files1 "$SCRATCH/src" >"$OUT" 2>"$ERR" || _status=$?
}

say a pull whose database gives up
gave_up=0
for n in 1 2 3 4 5 6; do
	thread_refused $n
	grep -q INJECTED "$SCRATCH/calls" || break
	[ $_status -eq 0 ] || equal "lines that are its own ($n)" \
		"$(grep -c '^muniment pull: .*\[[a-z-]*\]$' "$ERR")" 1
	! grep -q 'its database gave up.*\[index-damaged\]$' "$ERR" ||
		[ $gave_up -gt 0 ] || gave_up=$n
	equal status $_status 1
	expect_status 0 "$MUNIMENT" verify
done
[ $gave_up -gt 0 ] || fail 'a database without threads was not met'
pull files1 "$SCRATCH/src"
equal root "$(field root)" "$root"

say the caches of one that gave up once stay, after the second they are new
for times in 1 2; do
	sleep 3.1
	pull files1 "$SCRATCH/src"
	equal 'read of what is known' "$(field bytes_read)" 0
	for _ in $(seq $times); do
		thread_refused $gave_up
		equal status $_status 1
	done
	[ $times -eq 2 ] || equal 'databases' \
		"$(find "$MUNIMENT_STORE/cache" -name CURRENT | wc -l)" 2
done
equal 'databases that gave up twice' \
	"$(find "$MUNIMENT_STORE/cache" -name CURRENT | wc -l)" 0
pull files1 "$SCRATCH/src"
equal root "$(field root)" "$root"
[ "$(field bytes_read)" -gt 0 ] || fail 'what cache told it so much?'
[ ! -e "$MUNIMENT_STORE/cache/gave-up" ] || fail 'they hold again'
expect_status 0 "$MUNIMENT" verify --read-data

say an agent that ends otherwise than it should: nothing is known of what it sent
mkdir -p "$SCRATCH/deeds/folder"
for i in $(seq 40); do
	head -c 2000 /dev/urandom >"$SCRATCH/deeds/folder/$i"
done
cat >"$SCRATCH/agent" <<END
#!/usr/bin/python3
import os, struct, subprocess, sys
child = subprocess.Popen(["$MUNIMENT_BUILD/agent/muniment-agent"],
                         stdout=subprocess.PIPE)
out = os.fdopen(1, "wb", 0)
while True:
    head = child.stdout.read(8)
    if not head:
        sys.exit(child.wait())
    length, kind, _ = struct.unpack("<IHH", head)
    payload = child.stdout.read(length)
    if kind == 75:              # DONE, of so many batches
        payload = bytes(length)
    out.write(head + payload)
END
chmod 755 "$SCRATCH/agent"
sleep 3
expect_status 1 "$MUNIMENT" pull --source deeds "$SCRATCH/deeds" \
	--agent "$SCRATCH/agent"
expect_stderr '\[agent-protocol\]$'
# It takes the numbers that packs would have had.
head -c 200000 /dev/urandom >"$SCRATCH/src/more"
pull files1 "$SCRATCH/src"
pull deeds "$SCRATCH/deeds"
expect_status 0 "$MUNIMENT" restore deeds@latest --target "$SCRATCH/deeds.out"
diff -r "$SCRATCH/deeds" "$SCRATCH/deeds.out"
