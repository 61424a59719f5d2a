#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what docs/threat-model.md says and no other test shows. No program
# listens; the agent only reads; no passphrase is asked for without need; ssh
# gives the other side nothing of the vault, and what it says is escaped; a
# silent source ends its pull; a clock that is wrong loses no snapshot; a
# guess at the passphrase costs what it should, and a short one is warned of;
# a ledger that was signed anew differs from a copy of its checkpoint.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need strace faketime

new_store
small_tree "$SCRATCH/src"

say a guess at the passphrase
# Argon2id: 128 MiB, three passes, one lane.
equal cost "$(od -An -v -t u8 -j 112 -N 8 "$MUNIMENT_STORE/keys/recipient-1" |
	tr -d ' ') $(od -An -v -t u4 -j 120 -N 8 \
	"$MUNIMENT_STORE/keys/recipient-1" | tr -s ' ')" '134217728  3 1'

say a short passphrase
echo elevenbytes >"$SCRATCH/short.pass"
expect_status 0 "$MUNIMENT" init --store "$SCRATCH/short" \
	--passphrase-file "$SCRATCH/short.pass"
expect_stderr 'a passphrase of 11 bytes is soon guessed'
echo twelve-bytes >"$SCRATCH/short.pass"
expect_status 0 "$MUNIMENT" init --store "$SCRATCH/longer" \
	--passphrase-file "$SCRATCH/short.pass"
[ ! -s "$ERR" ] || fail 'a warning without need'

say the agent only reads
cat >"$SCRATCH/watched" <<END
#!/bin/sh
exec strace -f -o "$SCRATCH/calls" "$MUNIMENT_BUILD/agent/muniment-agent"
END
chmod 755 "$SCRATCH/watched"
pull files1 "$SCRATCH/src" --agent "$SCRATCH/watched"
# What opens for writing, makes, changes or removes, or leaves the machine:
# by the agent, or by getent, which it asks for the names of owners.
forbidden='openat\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE)|AF_INET|AF_PACKET|[0-9] +(creat|[fl]?(setxattr|removexattr|chown|chmod)|(fchown|fchmod|unlink|mkdir|mknod|rename|link|symlink|utimens)(at)?2?|f?truncate|fallocate|utimes?|rmdir|u?mount2?|bind|listen|ptrace|p?write[v64]*\([3-9]|copy_file_range)\('
watched() {
	grep -v '"/dev/null"' "$SCRATCH/calls" | grep -E "$forbidden"
}
! watched || fail 'the agent did that'
sed -n 's,.*execve("\([^"]*/\)*\([^"/]*\)".*,\2,p' "$SCRATCH/calls" |
	sort -u >"$SCRATCH/started"
same "$SCRATCH/started" - <<END
getent
muniment-agent
END
[ "$(grep -c openat "$SCRATCH/calls")" -gt 10 ] || fail 'nothing was seen'
# And the pattern would see it.
strace -f -o "$SCRATCH/calls" sh -c ": >$SCRATCH/x; chmod 0 $SCRATCH/x
	mv $SCRATCH/x $SCRATCH/y; rm $SCRATCH/y"
for call in O_CREAT chmod rename unlink; do
	watched | grep -q "$call" || fail "$call would go unnoticed"
done

say what opens nothing asks for no passphrase
for verb in "pull --source files1 $SCRATCH/src" snapshots status verify; do
	# shellcheck disable=SC2086
	expect_status 0 env -u MUNIMENT_PASSPHRASE_FILE setsid -w \
		"$MUNIMENT" $verb
done

say no program makes what could be reached
reachable='AF_INET|AF_PACKET|[^a-z](bind|listen)\('
sockets() {
	strace -f -o "$SCRATCH/calls" -e trace=%network,execve "$@"
}
# none WORD...: nor what it starts; the last of PROGRAM, which must run.
none() {
	_program=$1
	shift
	expect_status 0 sockets "$MUNIMENT" "$@"
	no_socket "$_program"
}
no_socket() {
	grep -q "execve(\".*/$1\".* = 0" "$SCRATCH/calls" || fail "$1 did not run"
	! grep -E "$reachable" "$SCRATCH/calls" || fail "$1 did that"
}
at_exit "unlock $(quote "$SCRATCH/another")"
none muniment-init init --store "$SCRATCH/another"
none muniment-agent pull --store "$SCRATCH/another" --source files1 \
	"$SCRATCH/src"
no_socket muniment-pull
none muniment-read restore files1@latest --target "$SCRATCH/reached"
for verb in 'verify --read-data' snapshots status 'ls files1@latest'; do
	# shellcheck disable=SC2086
	none muniment-read $verb
done
mkdir "$SCRATCH/watched-mnt"
sockets "$MUNIMENT" mount --foreground "$SCRATCH/watched-mnt" &
mount=$!
at_exit "umount -l $(quote "$SCRATCH/watched-mnt") 2>/dev/null"
wait_for "mountpoint -q $(quote "$SCRATCH/watched-mnt")"
cat "$SCRATCH/watched-mnt/files1/latest/"* >/dev/null 2>&1 || :
umount "$SCRATCH/watched-mnt"
wait "$mount" || fail 'the mount'
no_socket muniment-mount
sockets /usr/bin/python3 -c 'import socket
socket.create_server(("127.0.0.1", 0))'
grep -E -q "$reachable" "$SCRATCH/calls" || fail 'a server would go unnoticed'

say nobody listens, and a silent source
cat >"$SCRATCH/forced" <<END
#!/bin/sh
[ ! -e "$SCRATCH/evil" ] || {
	printf 'all is well\r\033]0;owned\007\033[2J' >&2
	exit 1
}
: >"$SCRATCH/agent-runs"
exec sleep 100
END
chmod 755 "$SCRATCH/forced"
start_sshd "$SCRATCH/forced"
mounted "$SCRATCH/mnt"
"$MUNIMENT" pull --source files2 "vaultsource:$SCRATCH/src" \
	--ssh-config "$SCRATCH/ssh_config" >"$SCRATCH/told" 2>&1 &
pull=$!
at_exit "stop_process $pull"
wait_for "[ -e $(quote "$SCRATCH/agent-runs") ]"
cat >"$SCRATCH/listeners.py" <<'END'
"""Sockets on which programs below a folder could be reached: each that the
kernel lists as listening, and any that has no connection at all."""
import glob, os, sys

reachable = {}
for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "udplite"):
    try:
        with open(f"/proc/net/{kind}", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                v = line.split()
                if v[3] != "01":
                    reachable[v[9]] = f"{kind} {v[1]}"
    except OSError:
        pass
with open("/proc/net/unix", encoding="utf-8") as f:
    for line in f.readlines()[1:]:
        v = line.split()
        if int(v[3], 16) & 0x10000:
            reachable[v[6]] = "unix " + " ".join(v[7:])
seen = set()
for folder in glob.glob("/proc/[0-9]*"):
    try:
        program = os.readlink(folder + "/exe")
        if not program.startswith(sys.argv[1]):
            continue
        seen.add(os.path.basename(program))
        for fd in os.listdir(folder + "/fd"):
            to = os.readlink(f"{folder}/fd/{fd}")
            if to.startswith("socket:[") and to[8:-1] in reachable:
                print("LISTENS", program, reachable[to[8:-1]])
    except OSError:
        pass
print(*sorted(seen))
END
/usr/bin/python3 "$SCRATCH/listeners.py" "$MUNIMENT_BUILD/" >"$SCRATCH/seen"
same "$SCRATCH/seen" - <<END
muniment-mount muniment-pull
END
/usr/bin/python3 "$SCRATCH/listeners.py" "$(command -v sshd)" \
	>"$SCRATCH/seen"
grep -q 'LISTENS.*tcp ' "$SCRATCH/seen" ||
	fail 'the search finds nothing anywhere'
stop_process "$pull"
umount "$SCRATCH/mnt"
# Ten minutes pass in a second, for this program.
cat >"$SCRATCH/silent" <<-'END'
	#!/bin/sh
	exec sleep 1000000
	END
chmod 755 "$SCRATCH/silent"
refused agent-died faketime -f '+0 x600' "$MUNIMENT" pull --source files1 \
	"$SCRATCH/src" --agent "$SCRATCH/silent"
expect_stderr 'it has been silent for 10 minutes'

say what the other side of ssh says is escaped
: >"$SCRATCH/evil"
expect_status 1 "$MUNIMENT" pull --source files2 "vaultsource:$SCRATCH/src" \
	--ssh-config "$SCRATCH/ssh_config"
one_line_error
expect_stderr '\\x1b\]0;owned\\x07.*\[agent-died\]$'
! grep -q "$(printf '[\001-\011\013-\037\177]')" "$ERR" ||
	fail 'a control character reached stderr'

say and it gets nothing of the vault, whatever the configuration says
mkdir "$SCRATCH/bin"
cat >"$SCRATCH/bin/ssh" <<END
#!/bin/sh
$(command -v ssh) -G "\$@" >"$SCRATCH/ssh-settings"
exit 255
END
chmod 755 "$SCRATCH/bin/ssh"
# Of two settings ssh takes the first.
{
	printf '%s\n' 'Host vaultsource'
	printf '\t%s\n' 'ForwardAgent yes' 'ForwardX11 yes' \
		'PermitLocalCommand yes' 'LocalCommand touch x' \
		'RequestTTY force' 'StrictHostKeyChecking no'
	cat "$SCRATCH/ssh_config"
} >"$SCRATCH/ssh_config_open"
PATH=$SCRATCH/bin:$PATH expect_status 1 "$MUNIMENT" pull --source files2 \
	"vaultsource:$SCRATCH/src" --ssh-config "$SCRATCH/ssh_config_open"
for setting in 'forwardagent no' 'forwardx11 no' 'clearallforwardings yes' \
	'permitlocalcommand no' 'requesttty false' 'controlmaster (no|false)' \
	'nohostauthenticationforlocalhost no' 'verifyhostkeydns (no|false)' \
	'stricthostkeychecking (yes|true)'; do
	grep -E -q "^$setting\$" "$SCRATCH/ssh-settings" ||
		fail "not set: $setting"
done

PATH=$SCRATCH/bin:$PATH expect_status 1 "$MUNIMENT" pull --source files2 \
	"clerk@[fe80::1]:$SCRATCH/src"
grep -q '^hostname fe80::1$' "$SCRATCH/ssh-settings" &&
	grep -q '^user clerk$' "$SCRATCH/ssh-settings" ||
	fail 'an address in brackets went elsewhere'

say nor on a connection that somebody opened without a look at the host key
{
	printf '%s\n' 'Host vaultsource'
	printf '\t%s\n' "ControlPath $SCRATCH/master" 'ControlPersist yes' \
		'UserKnownHostsFile /dev/null' 'LogLevel ERROR'
	grep -v -i knownhosts "$SCRATCH/ssh_config"
} >"$SCRATCH/ssh_config_shared"
expect_status 0 ssh -F "$SCRATCH/ssh_config_shared" -f -N -o ControlMaster=yes \
	-o StrictHostKeyChecking=no vaultsource
at_exit "ssh -F $(quote "$SCRATCH/ssh_config_shared") -O exit vaultsource"
expect_status 0 ssh -F "$SCRATCH/ssh_config_shared" -O check vaultsource
refused host-key-unknown "$MUNIMENT" pull --source files2 \
	"vaultsource:$SCRATCH/src" --ssh-config "$SCRATCH/ssh_config_shared"

say and the other side cannot say that its key is unknown
cat >"$SCRATCH/bin/ssh" <<END
#!/bin/sh
echo 'Host key verification failed.' >&2
exit 0
END
PATH=$SCRATCH/bin:$PATH expect_status 1 "$MUNIMENT" pull --source files2 \
	"vaultsource:$SCRATCH/src"
! grep -q host-key-unknown "$ERR" || fail 'it made us doubt the key'

say a wrong clock
at() {
	expect_status 0 env DONT_FAKE_MONOTONIC=1 faketime -f "$1" \
		"$MUNIMENT" pull --json --source files1 "$SCRATCH/src"
}
echo tomorrow >"$SCRATCH/src/day"
at +400d
expect_status 0 "$MUNIMENT" status
expect_stdout ' newest (399|400) days ahead of this clock'
echo yesterday >"$SCRATCH/src/day"
at -400d
last=$(field id)
echo today >"$SCRATCH/src/day"
pull files1 "$SCRATCH/src"
newest=$(field id)
expect_status 0 "$MUNIMENT" snapshots --json
equal snapshots "$(field snapshots | grep -o "'id'" | wc -l)" 5
equal 'the last but one' "$(field snapshots.3.id)" "$last"
equal 'the last' "$(field snapshots.4.id)" "$newest"
# Vault time never goes back.
for i in 1 2 3 4; do
	[ "$(date -d "$(field snapshots.$i.vault_time)" +%s)" -ge \
		"$(date -d "$(field snapshots.$((i - 1)).vault_time)" +%s)" ] ||
		fail "snapshot $i is before snapshot $((i - 1))"
done
expect_status 0 "$MUNIMENT" restore files1@latest:/day --target "$SCRATCH/out"
equal 'the newest' "$(cat "$SCRATCH/out/day")" today
expect_status 0 "$MUNIMENT" restore "$last:/day" --target "$SCRATCH/out2"
equal 'the one before' "$(cat "$SCRATCH/out2/day")" yesterday
expect_status 0 "$MUNIMENT" verify --read-data
# Before 1970 there is no time that a store could note.
refused limit-exceeded env DONT_FAKE_MONOTONIC=1 \
	faketime '1969-01-01 00:00:00' \
	"$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_stderr "set the vault's clock"

say a ledger signed anew
checkpoint=$MUNIMENT_STORE/ledger/checkpoint
pull files1 "$SCRATCH/src"
cp "$checkpoint" "$SCRATCH/checkpoint"
expect_status 0 "$MUNIMENT" verify
expect_status 0 "$MUNIMENT" snapshots
cmp "$checkpoint" "$SCRATCH/checkpoint" || fail 'it changes without a pull'
"$MUNIMENT_BUILD/tests/walls/forge" epoch "$MUNIMENT_STORE"
expect_status 0 "$MUNIMENT" verify
! cmp -s "$checkpoint" "$SCRATCH/checkpoint" || fail 'the copy tells nothing'
