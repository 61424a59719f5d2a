#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what the source will not let be read makes the pull end with
# status 3, everything else stored; the snapshot says which files, a log
# does not; a restore leaves no empty file in their place and says so; what
# broke off in the middle, and a directory of which something could not be
# examined, come back so far, by name, and never pass for whole; once all can
# be read, the next pull is complete.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need setpriv script

new_store
mkdir -p "$SCRATCH/src/closed" "$SCRATCH/src/open"
echo secret >"$SCRATCH/src/locked-deed"
echo hidden >"$SCRATCH/src/closed/inside"
echo public >"$SCRATCH/src/open/notice"
chmod 0 "$SCRATCH/src/locked-deed" "$SCRATCH/src/closed"
chmod 755 "$SCRATCH"

# The vault is root's; the agent is not.
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
	"$SCRATCH/muniment-agent"
END
cp "$MUNIMENT_BUILD/agent/muniment-agent" "$SCRATCH/muniment-agent"
chmod 755 "$SCRATCH/agent" "$SCRATCH/muniment-agent"

say incomplete
expect_status 3 "$MUNIMENT" pull --json --source files1 "$SCRATCH/src" \
	--agent "$SCRATCH/agent"
equal complete "$(field complete)" false
equal problems "$(field problems)" 2
one_line_error
expect_stderr 'incomplete: 2 could not be read.*ls --problems files1@'
! grep -q -e locked -e closed "$OUT" "$ERR" ||
	fail 'a name of the source went into a log'

say and on a full disk it tells that too
rm -f "$OUT"
ln -s /dev/full "$OUT"
expect_status 1 "$MUNIMENT" pull --source files1 "$SCRATCH/src" \
	--agent "$SCRATCH/agent"
rm "$OUT"
expect_stderr 'incomplete: 2 could not be read.*ls --problems files1@'
expect_stderr 'the snapshot files1@[^ ]+ was made, but .*\[io\]$'
made=$(sed -n 's/.*the snapshot \([^ ]*\) was made.*/\1/p' "$ERR")
expect_status 0 "$MUNIMENT" snapshots --json
equal name "$(field snapshots.1.snapshot)" "$made"

say the snapshot says which
expect_status 0 "$MUNIMENT" ls --problems files1@latest
expect_stdout '^locked-deed: it could not be opened: Permission denied$'
expect_stdout '^closed: it could not be opened: Permission denied$'
equal problems "$(wc -l <"$OUT")" 2
expect_status 0 "$MUNIMENT" ls files1@latest
expect_stdout '^----------! .* locked-deed$'
expect_status 0 "$MUNIMENT" snapshots
expect_stdout '  incomplete: 2$'

say a terminal shows them
status=0
script -q -e -c "'$MUNIMENT' pull --source files1 '$SCRATCH/src' \
	--agent '$SCRATCH/agent'" /dev/null >"$OUT" 2>&1 </dev/null ||
	status=$?
equal 'status on a terminal' "$status" 3
expect_stdout 'locked-deed: it could not be opened: Permission denied'

say a restore does not pretend
expect_status 3 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out"
expect_stderr '^locked-deed: .*\[source-unreadable\]$'
expect_stderr '^closed: .*\[source-unreadable\]$'
expect_stderr '\[restore-incomplete\]$'
equal notice "$(cat "$SCRATCH/out/open/notice")" public
[ ! -s "$SCRATCH/out/locked-deed" ] || fail 'where does that come from?'

say a mount gives an error
mounted "$SCRATCH/mnt"
! cat "$SCRATCH/mnt/files1/latest/locked-deed" 2>/dev/null ||
	fail 'an unread file reads as empty'
! ls "$SCRATCH/mnt/files1/latest/closed" 2>/dev/null ||
	fail 'a directory that could not be listed is empty'
umount "$SCRATCH/mnt"

say once it can be read
chmod 644 "$SCRATCH/src/locked-deed"
chmod 755 "$SCRATCH/src/closed"
pull files1 "$SCRATCH/src" --agent "$SCRATCH/agent"
equal complete "$(field complete)" true
expect_status 0 "$MUNIMENT" ls --problems files1@latest
equal problems "$(wc -l <"$OUT")" 0
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out2"
diff -r "$SCRATCH/src" "$SCRATCH/out2"

# A process that holds a lease, as a file server does for a client.
cat >"$SCRATCH/hold.py" <<'END'
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR)
def asked(*_):
    if sys.argv[2] == "gives-way":
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
signal.signal(signal.SIGIO, asked)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("held", flush=True)
while True:
    signal.pause()
END
holds() {
	/usr/bin/python3 "$SCRATCH/hold.py" "$1" "$2" >"$SCRATCH/held" &
	holder=$!
	at_exit "stop_process $holder"
	wait_for "grep -q held $(quote "$SCRATCH/held")"
}

say a lease on a file: its holder is asked to give way, and given time
echo leased >>"$SCRATCH/src/open/notice"
holds "$SCRATCH/src/open/notice" gives-way
pull files1 "$SCRATCH/src"
equal complete "$(field complete)" true
stop_process "$holder"

say one that does not is told, and keeps no other file from being read
echo again >>"$SCRATCH/src/open/notice"
echo other >"$SCRATCH/src/open/other"
holds "$SCRATCH/src/open/notice" stays
expect_status 3 "$MUNIMENT" pull --json --source files1 "$SCRATCH/src"
equal problems "$(field problems)" 1
expect_status 0 "$MUNIMENT" ls --problems files1@latest
expect_stdout '^open/notice: it could not be opened: Resource temporarily unavailable$'
stop_process "$holder"
pull files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out7"
diff -r "$SCRATCH/src" "$SCRATCH/out7"

say what may be listed and not examined: the directory above it is not whole
mkdir -p "$SCRATCH/files/list-only" "$SCRATCH/files/open"
echo wages >"$SCRATCH/files/list-only/payroll.db"
echo public >"$SCRATCH/files/open/notice"
chmod 744 "$SCRATCH/files/list-only"
pull_in_part() {
	expect_status 3 "$MUNIMENT" pull --json --source files2 \
		"$SCRATCH/files" --agent "$SCRATCH/agent"
	equal problems "$(field problems)" 1
}
pull_in_part
root=$(field root)
sleep 3 # what is as young as that is looked at again
pull_in_part
equal root "$(field root)" "$root"
pull_in_part
equal root "$(field root)" "$root"
equal 'bytes read of what did not change' "$(field bytes_read)" 0
expect_status 0 "$MUNIMENT" ls --problems files2@latest
expect_stdout '^list-only/payroll.db: it could not be examined: Permission denied$'
expect_status 0 "$MUNIMENT" ls files2@latest
expect_stdout '^drwxr--r--! .* list-only$'
expect_stdout '^drwxr-xr-x  .* open$'
expect_status 0 "$MUNIMENT" verify --read-data
expect_status 3 "$MUNIMENT" restore files2@latest --target "$SCRATCH/out4"
expect_stderr '^list-only: .*\[source-unreadable\]$'
expect_stderr '1 the source could not read, of which 1 are there in part.*\[restore-incomplete\]$'
mounted "$SCRATCH/mnt"
! ls "$SCRATCH/mnt/files2/latest/list-only" 2>/dev/null ||
	fail 'a directory that lacks an entry looks whole'
umount "$SCRATCH/mnt"

say the top of all is told of too
chmod 744 "$SCRATCH/files"
expect_status 3 "$MUNIMENT" pull --json --source files2 "$SCRATCH/files" \
	--agent "$SCRATCH/agent"
expect_status 3 "$MUNIMENT" restore files2@latest --target "$SCRATCH/out5"
expect_stderr '^\.: .*\[source-unreadable\]$'

say once it can be examined
chmod 755 "$SCRATCH/files" "$SCRATCH/files/list-only"
pull files2 "$SCRATCH/files" --agent "$SCRATCH/agent"
equal complete "$(field complete)" true
expect_status 0 "$MUNIMENT" ls files2@latest
expect_stdout '^drwxr-xr-x  .* list-only$'
expect_status 0 "$MUNIMENT" restore files2@latest --target "$SCRATCH/out6"
diff -r "$SCRATCH/files" "$SCRATCH/out6"

say what breaks off in the middle: a damaged store is the dying disk
vault=$MUNIMENT_STORE
pass=$MUNIMENT_PASSPHRASE_FILE
mkdir "$SCRATCH/disk"
head -c 1000000 /dev/urandom >"$SCRATCH/disk/deed"
echo well >"$SCRATCH/disk/well"
new_store dying
pull disk "$SCRATCH/disk"
pack=$(find "$MUNIMENT_STORE/packs" -type f -size +900k)
unlock "$MUNIMENT_STORE"
chmod u+w "$pack"
printf XXXXXXXX | dd of="$pack" bs=1 seek=600000 conv=notrunc 2>/dev/null
mounted "$SCRATCH/disk.mnt"
MUNIMENT_STORE=$vault
MUNIMENT_PASSPHRASE_FILE=$pass
expect_status 3 "$MUNIMENT" pull --json --source disk \
	"$SCRATCH/disk.mnt/disk/latest"
equal problems "$(field problems)" 1
expect_status 0 "$MUNIMENT" ls --problems disk@latest
expect_stdout '^deed: it could not be read to its end: Input/output error$'

say it comes back so far, by name
expect_status 3 "$MUNIMENT" restore disk@latest --target "$SCRATCH/out3"
expect_stderr '^deed: the source could not read it to its end; what could be read is there; .*\[source-unreadable\]$'
expect_stderr '1 the source could not read, of which 1 are there in part.*\[restore-incomplete\]$'
! grep -q '; what was restored is whole' "$ERR" || fail "it is called whole"
equal lines "$(wc -l <"$ERR")" 2
expect_stdout '^of these in part, as far as it was read: 1$'
n=$(stat -c %s "$SCRATCH/out3/deed")
[ "$n" -gt 100000 ] && [ "$n" -lt 1000000 ] || fail "$n bytes of it came back"
cmp -n "$n" "$SCRATCH/disk/deed" "$SCRATCH/out3/deed"
equal well "$(cat "$SCRATCH/out3/well")" well

say in a mount its end is an error, whoever reads
mounted "$SCRATCH/mnt"
deed=$SCRATCH/mnt/disk/latest/deed
equal size "$(stat -c %s "$deed")" $((n + 1))
expect_status 1 cat "$deed"
same "$OUT" "$SCRATCH/out3/deed"
expect_status 1 cp "$deed" "$SCRATCH/copy"
expect_status 1 cp --sparse=always "$deed" "$SCRATCH/copy"
expect_status 1 tar -c -f "$SCRATCH/copy.tar" \
	-C "$SCRATCH/mnt/disk/latest" deed
/usr/bin/python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
n = int(sys.argv[2])
print(os.lseek(fd, n, os.SEEK_DATA) - n, os.lseek(fd, 0, os.SEEK_HOLE) - n)
' "$deed" "$n" >"$SCRATCH/seek"
equal 'data and hole' "$(cat "$SCRATCH/seek")" '0 1'
equal well "$(cat "$SCRATCH/mnt/disk/latest/well")" well
umount "$SCRATCH/mnt"
