#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: one pull writes to a store at a time. A second one is refused by
# name, and told who writes, or it waits with --wait until the store is
# free, however the first one ends, and goes on from what that one pulled.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need flock getconf

new_store
small_tree "$SCRATCH/src"
mkdir "$SCRATCH/other"
echo deed >"$SCRATCH/other/deed"

cat >"$SCRATCH/agent" <<END
#!/bin/sh
# Says that the pull has the store, and begins when it is let.
: >"$SCRATCH/runs"
while [ ! -e "$SCRATCH/go" ]; do sleep 0.05; done
exec "$MUNIMENT_BUILD/agent/muniment-agent"
END
chmod 755 "$SCRATCH/agent"

# first NAME LOCATION: begin a pull that holds the store until it is let;
# its process is $first.
first() {
	rm -f "$SCRATCH/runs" "$SCRATCH/go"
	"$MUNIMENT" pull --json --source "$1" "$2" --agent "$SCRATCH/agent" \
		>"$SCRATCH/first.out" 2>"$SCRATCH/first.err" &
	first=$!
	at_exit "touch $(quote "$SCRATCH/go"); stop_process $first"
	wait_for "[ -e $(quote "$SCRATCH/runs") ]"
}

let_go() {
	: >"$SCRATCH/go"
	wait "$first" || fail "the first pull: $(cat "$SCRATCH/first.err")"
}

# second NAME LOCATION: begin a pull that waits; its process is $second,
# what it says is in NAME.out and NAME.err.
second() {
	"$MUNIMENT" pull --json --wait --source "$1" "$2" \
		>"$SCRATCH/$1.out" 2>"$SCRATCH/$1.err" &
	second=$!
	at_exit "stop_process $second"
	wait_for "readlink /proc/$second/fd/* |
		grep -q -x -F $(quote "$MUNIMENT_STORE/ledger")"
}

# done_well PROCESS NAME: it must end with a snapshot and have said nothing.
done_well() {
	wait "$1" || fail "the pull of $2: $(cat "$SCRATCH/$2.err")"
	[ ! -s "$SCRATCH/$2.err" ] ||
		fail "the pull of $2 was not silent: $(cat "$SCRATCH/$2.err")"
	equal "$2 is complete" true "$(field complete "$SCRATCH/$2.out")"
}

snapshots() {
	expect_status 0 "$MUNIMENT" snapshots --json
	/usr/bin/python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))["snapshots"]))' "$OUT"
}

say refused
first files1 "$SCRATCH/src"
for name in files1 files2; do
	refused store-busy "$MUNIMENT" pull --source "$name" "$SCRATCH/other"
	expect_stderr "process $first writes to it: .*--source files1 "
done
say removing what is in run/ opens no door
rm -rf "$MUNIMENT_STORE/run"
refused store-busy "$MUNIMENT" pull --source files2 "$SCRATCH/other"
let_go
equal snapshots 1 "$(snapshots)"

say another source waits, and costs nothing
first files1 "$SCRATCH/src"
second files2 "$SCRATCH/other"
ticks() {
	cut -d' ' -f14,15 "/proc/$second/stat" | tr ' ' '+'
}
before=$(($(ticks)))
sleep 1
after=$(($(ticks)))
[ $((after - before)) -le $(($(getconf CLK_TCK) / 20)) ] ||
	fail "waiting took $((after - before)) ticks of a second"
_alive "$second" || fail 'it did not wait'
free=$(date -u +%Y-%m-%dT%H:%M:%SZ)
let_go
done_well "$second" files2
# Its time is not that of its beginning to wait.
/usr/bin/python3 -c 'import sys
sys.exit(sys.argv[1] < "files2@" + sys.argv[2])' \
	"$(field snapshot "$SCRATCH/files2.out")" "$free" ||
	fail "it bears the time $(field snapshot "$SCRATCH/files2.out")"
equal snapshots 3 "$(snapshots)"

say the same source waits, and finds what the first one pulled
echo more >"$SCRATCH/src/more"
# What changed less than 2 s before it is read is read again.
wait_for "[ \$((\$(date +%s) - \$(stat -c %Z $(quote "$SCRATCH/src/more")))) -gt 3 ]"
first files1 "$SCRATCH/src"
second files1 "$SCRATCH/src"
let_go
done_well "$second" files1
equal root "$(field root "$SCRATCH/first.out")" \
	"$(field root "$SCRATCH/files1.out")"
equal 'read again' 0 "$(field bytes_read "$SCRATCH/files1.out")"
equal snapshots 5 "$(snapshots)"

say three wait
first files1 "$SCRATCH/src"
waiting=
for name in three1 three2 three3; do
	second "$name" "$SCRATCH/other"
	waiting="$waiting $second"
done
refused store-busy "$MUNIMENT" pull --source files2 "$SCRATCH/other"
let_go
for name in three1 three2 three3; do
	waiting=${waiting# }
	done_well "${waiting%% *}" "$name"
	waiting=${waiting#* }
done
equal snapshots 9 "$(snapshots)"

say the first one is killed
first files1 "$SCRATCH/src"
second files2 "$SCRATCH/other"
kill -KILL "$first"
done_well "$second" files2
wait "$first" || :
equal snapshots 10 "$(snapshots)"

say interrupted while it waits
first files1 "$SCRATCH/src"
for signal in TERM INT; do
	sums "$MUNIMENT_STORE" >"$SCRATCH/before"
	hears_signals "$MUNIMENT" pull --wait --source files2 "$SCRATCH/other" \
		>"$OUT" 2>"$ERR" &
	second=$!
	wait_for "readlink /proc/$second/fd/* |
		grep -q -x -F $(quote "$MUNIMENT_STORE/ledger")"
	kill -"$signal" "$second"
	wait_for "! _alive $second"
	status=0
	wait "$second" || status=$?
	equal status 1 "$status"
	one_line_error
	expect_stderr '\[interrupted\]$'
	sums "$MUNIMENT_STORE" >"$SCRATCH/after"
	same "$SCRATCH/before" "$SCRATCH/after"
done

say what it was told to ignore it ignores
"$MUNIMENT" pull --wait --source files2 "$SCRATCH/other" >"$OUT" 2>"$ERR" &
second=$!
wait_for "readlink /proc/$second/fd/* |
	grep -q -x -F $(quote "$MUNIMENT_STORE/ledger")"
kill -INT "$second"
sleep 1
_alive "$second" || fail 'a pull behind a script heeds the INT of a terminal'
kill -TERM "$second"
wait_for "! _alive $second"
wait "$second" || :
let_go
equal snapshots 11 "$(snapshots)"

say a terminal is told who is waited for
first files1 "$SCRATCH/src"
cat >"$SCRATCH/terminal.py" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    open(sys.argv[1], "wb").write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
/usr/bin/python3 "$SCRATCH/terminal.py" "$SCRATCH/seen" \
	"$MUNIMENT" pull --wait --source files2 "$SCRATCH/other" &
second=$!
at_exit "stop_process $second"
wait_for "grep -q 'waiting for .*store: process $first writes to it: .*files1' \
	$(quote "$SCRATCH/seen")"
let_go
wait "$second" || fail "on a terminal: $(cat "$SCRATCH/seen")"
equal snapshots 13 "$(snapshots)"

say a store that is put in the place of the one waited for
first files1 "$SCRATCH/src"
second files2 "$SCRATCH/other"
cp -a "$MUNIMENT_STORE/ledger" "$SCRATCH/ledger"
mv "$MUNIMENT_STORE/ledger" "$SCRATCH/ledger.away"
mv "$SCRATCH/ledger" "$MUNIMENT_STORE/ledger"
kill -KILL "$first"
wait "$first" || :
status=0
wait "$second" || status=$?
equal status 1 "$status"
cp "$SCRATCH/files2.err" "$ERR"
expect_stderr '\[store-busy\]$'
equal snapshots 13 "$(snapshots)"

say what there is
pull files2 "$SCRATCH/other"
expect_status 0 "$MUNIMENT" verify --read-data
