#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: a real line that is cut in the middle of a large file - sshd's session,
# ssh here, or the agent there is killed - ends the pull with one line and a
# name of the source; earlier snapshots are whole, nothing is left running, and
# the next pull sweeps what lay open and is complete. A host whose key changed
# is refused by name and gets nothing. A login that floods its standard error
# neither stops a pull nor fills the vault's memory or log; a remote side that
# does not end does not keep the pull from ending.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need ssh sshd ps /usr/bin/time

new_store
mkdir "$SCRATCH/src"
echo deed >"$SCRATCH/src/deed"

# What the key starts: a shell that does what the case wants before, or in
# place of, the agent.
login=$SCRATCH/login
cat >"$login" <<END
#!/bin/sh
echo \$\$ >"$SCRATCH/agent.pid"
. "$SCRATCH/profile"
exec "$MUNIMENT_BUILD/agent/muniment-agent"
END
chmod 755 "$login"
: >"$SCRATCH/profile"
start_sshd "$login"
over() {
	pull "$1" "vaultsource:$SCRATCH/$1" --ssh-config "$SCRATCH/ssh_config"
}
over src

open_bytes() {
	find "$MUNIMENT_STORE/incoming" -type f -printf '%s\n' |
		awk '{ n += $1 } END { print n + 0 }'
}

# half_way NAME: begin a pull of a large file, and stop the agent in the middle
# of it: so nothing that follows is a race. $client, $agent and $session are the
# ssh here, the agent there, and the processes of sshd that lie between them.
half_way() {
	rm -f "$SCRATCH/agent.pid"
	"$MUNIMENT" pull --source "$1" --ssh-config "$SCRATCH/ssh_config" \
		"vaultsource:$SCRATCH/$1" >"$OUT" 2>"$ERR" &
	job=$!
	at_exit "kill $job 2>/dev/null"
	echo "pull $1" >"$SCRATCH/.last"
	wait_for "[ \$(open_bytes) -gt 5000000 ]" 120
	agent=$(cat "$SCRATCH/agent.pid")
	kill -STOP "$agent"
	client=$(ps -o pid= --ppid "$job" | tr -d ' ')
	session=
	_up=$(ps -o ppid= -p "$agent" | tr -d ' ')
	while [ "$_up" -ne "$SSHD_PID" ]; do
		[ "$_up" -gt 1 ] || fail "the agent is not below sshd"
		session="$session $_up"
		_up=$(ps -o ppid= -p "$_up" | tr -d ' ')
	done
	at_exit "kill -KILL $agent 2>/dev/null"
	[ -n "$client" ] || fail 'no ssh is there'
	[ -n "$session" ] || fail 'no session is there'
	_alive "$job" || fail 'the pull has ended before'
}

# broke_off NAME...: it ended with one line and one of these names.
broke_off() {
	_status=0
	wait "$job" || _status=$?
	equal status "$_status" 1
	one_line_error
	expect_stderr "^muniment pull: [^ ].*\\[($1)\\]\$"
	! grep -q -E '(: ;|: *\[)' "$ERR" || fail "it says nothing: $(cat "$ERR")"
	[ ! -s "$OUT" ] || fail 'it printed something'
}

for cut in session client agent; do
	say "$cut is killed"
	mkdir "$SCRATCH/$cut"
	head -c 100000000 /dev/urandom >"$SCRATCH/$cut/noise"
	echo behind >"$SCRATCH/$cut/z-behind"
	expect_status 0 "$MUNIMENT" snapshots --json
	cp "$OUT" "$SCRATCH/before"
	half_way "$cut"
	case $cut in
	session) echo "$session" | xargs kill -KILL ;;
	client) kill -KILL "$client" ;;
	agent) kill -KILL "$agent" ;;
	esac
	broke_off 'ssh-failed|agent-died'
	cat "$ERR"
	kill -CONT "$agent" 2>/dev/null || :
	wait_for "! _alive $agent" 60
	! _alive "$client" || fail 'ssh is left'

	expect_status 0 "$MUNIMENT" snapshots --json
	same "$SCRATCH/before" "$OUT"
	expect_status 0 "$MUNIMENT" verify --read-data
	expect_status 0 "$MUNIMENT" restore src@latest \
		--target "$SCRATCH/out-src-$cut"
	diff -r "$SCRATCH/src" "$SCRATCH/out-src-$cut"

	say "the next pull after $cut"
	# What a vault leaves that is killed as well.
	echo torn >"$MUNIMENT_STORE/incoming/$cut"
	over "$cut"
	equal complete "$(field complete)" true
	[ -z "$(ls "$MUNIMENT_STORE/incoming")" ] ||
		fail 'incoming/ was not swept'
	expect_status 0 "$MUNIMENT" restore "$cut@latest" \
		--target "$SCRATCH/out-$cut"
	diff -r "$SCRATCH/$cut" "$SCRATCH/out-$cut"
	rm -r "$SCRATCH/out-$cut" "$SCRATCH/${cut:?}"
done

# flooded WHAT: a login script of that name, whose pull must be right all the
# same: in time, in bounded memory, and silent here.
flooded() {
	cp "$SCRATCH/$1" "$SCRATCH/profile"
	say "$1"
	expect_status 0 timeout 120 /usr/bin/time -o "$SCRATCH/kib" -q -f %M \
		"$MUNIMENT" pull --json --source "$1" \
		--ssh-config "$SCRATCH/ssh_config" "vaultsource:$SCRATCH/tree"
	equal complete "$(field complete)" true
	equal 'bytes on stderr' "$(wc -c <"$ERR")" 0
	[ "$(cat "$SCRATCH/kib")" -lt 300000 ] ||
		fail "$(cat "$SCRATCH/kib") KiB"
	expect_status 0 "$MUNIMENT" restore "$1@latest" \
		--target "$SCRATCH/out-$1"
	diff -r "$SCRATCH/tree" "$SCRATCH/out-$1"
}
mkdir "$SCRATCH/tree"
head -c 20000000 /dev/urandom >"$SCRATCH/tree/noise"
cat >"$SCRATCH/flood" <<-'END'
	head -c 20000000 /dev/zero | tr '\0' '\n' >&2
	END
cat >"$SCRATCH/endless-flood" <<-END
	yes 'flood from files1' >&2 &
	echo \$! >"$SCRATCH/flood.pid"
	END
flooded flood
flooded endless-flood
wait_for "! _alive $(cat "$SCRATCH/flood.pid")" 60

# given_up NAME WHAT: a login script of that name, with which no pull can be
# made: it ends by itself, soon, with one line and that error.
given_up() {
	say "$2"
	cp "$SCRATCH/$2" "$SCRATCH/profile"
	refused "$1" timeout 60 "$MUNIMENT" pull --source s \
		--ssh-config "$SCRATCH/ssh_config" "vaultsource:$SCRATCH/tree"
	[ "$(wc -c <"$ERR")" -lt 1000 ] || fail 'much is said'
}
# What stays there goes at the end: nothing here reaches it any more.
cat >"$SCRATCH/greeting-and-flood" <<-END
	echo Welcome to files1
	echo \$\$ >>"$SCRATCH/left"
	exec yes 'flood from files1' >&2
	END
cat >"$SCRATCH/greeting-and-no-end" <<-END
	echo Welcome to files1
	echo \$\$ >>"$SCRATCH/left"
	exec sleep 300
	END
cat >"$SCRATCH/deaf-and-no-end" <<-END
	echo \$\$ >>"$SCRATCH/left"
	exec sleep 300 >&- 2>&-
	END
: >"$SCRATCH/left"
at_exit "xargs -r kill <$(quote "$SCRATCH/left") 2>/dev/null"
given_up agent-protocol greeting-and-flood
given_up agent-protocol greeting-and-no-end
given_up agent-died deaf-and-no-end
echo 'exec yes' >"$SCRATCH/nothing-but-yes"
echo 'exit 0' >"$SCRATCH/no-word"
given_up agent-protocol nothing-but-yes
given_up agent-protocol no-word
expect_stderr 'it ended with status 0 and had said nothing'

say the same of an agent beside us
cat >"$SCRATCH/local" <<-END
	#!/bin/sh
	while :; do echo flood || sleep 0.01; done >&2 2>/dev/null &
	echo \$! >>"$SCRATCH/left"
	exec \$AGENT
	END
chmod 755 "$SCRATCH/local"
AGENT=$MUNIMENT_BUILD/agent/muniment-agent
export AGENT
expect_status 0 timeout 120 "$MUNIMENT" pull --source local \
	--agent "$SCRATCH/local" "$SCRATCH/tree"
equal 'bytes on stderr' "$(wc -c <"$ERR")" 0
AGENT=false
refused agent-died timeout 60 "$MUNIMENT" pull --source local \
	--agent "$SCRATCH/local" "$SCRATCH/tree"
: >"$SCRATCH/profile"

say the key of the host has changed
stop_process "$SSHD_PID"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$SCRATCH/ssh/other_key"
sed -i "s,^HostKey .*,HostKey \"$SCRATCH/ssh/other_key\"," \
	"$SCRATCH/ssh/sshd_config"
: >"$SCRATCH/ssh/sshd.log"
"$(command -v sshd)" -D -e -f "$SCRATCH/ssh/sshd_config" \
	>"$SCRATCH/ssh/sshd.log" 2>&1 </dev/null &
other=$!
at_exit "stop_process $other"
wait_for "grep -q 'Server listening' $(quote "$SCRATCH/ssh/sshd.log")"
rm "$SCRATCH/agent.pid"
refused host-key-unknown "$MUNIMENT" pull --source src \
	--ssh-config "$SCRATCH/ssh_config" "vaultsource:$SCRATCH/src"
[ ! -e "$SCRATCH/agent.pid" ] || fail 'something was started there'
expect_status 0 "$MUNIMENT" verify --read-data
