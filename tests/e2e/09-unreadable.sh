#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what the source will not let be read makes the pull end with
# status 3, everything else stored; the snapshot says which files, a log
# does not; a restore leaves no empty file in their place and says so; once
# they can be read, the next pull is complete.
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
expect_stderr '\[restore-incomplete\]$'
equal notice "$(cat "$SCRATCH/out/open/notice")" public
[ ! -s "$SCRATCH/out/locked-deed" ] || fail 'where does that come from?'

say a mount gives an error
mounted "$SCRATCH/mnt"
! cat "$SCRATCH/mnt/files1/latest/locked-deed" 2>/dev/null ||
	fail 'an unread file reads as empty'
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
