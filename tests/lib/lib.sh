# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# Helpers for end-to-end scenarios, for dash and bash. A scenario begins
#
#	#!/bin/sh
#	# SPDX-License-Identifier: Apache-2.0
#	# Goal: what this scenario proves.
#	. "$(dirname "$0")/../lib/lib.sh"
#
# and from there on has
#
#	$MUNIMENT   the program under test: $MUNIMENT_BUILD/cli/muniment
#	$SCRATCH    a folder of its own; also the parent of $HOME
#	$OUT $ERR   files with what the last expect_status command printed
#
# The scenario passes by ending, fails by `fail` or by any command that
# fails, and is skipped by status 77. The scratch folder goes at exit. Of
# a failed scenario it stays, and the last lines on stderr tell where it
# is and how to run the scenario again. A leading underscore marks what
# belongs to this file.

set -eu
umask 022

# Nothing of the caller's own settings may steer a test.
_build=${MUNIMENT_BUILD:-}
for _name in $(env | sed -n 's/^\(MUNIMENT_[A-Za-z0-9_]*\)=.*/\1/p') \
	SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS DISPLAY \
	XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_RUNTIME_DIR \
	CDPATH POSIXLY_CORRECT; do
	unset "$_name"
done
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
TZ=UTC0
export PATH LC_ALL TZ

# Without a build folder only the tests of the test tools can run; the
# path then says what is missing.
if [ -n "$_build" ]; then
	MUNIMENT_BUILD=$(cd "$_build" && pwd)
	export MUNIMENT_BUILD
	MUNIMENT=$MUNIMENT_BUILD/cli/muniment
else
	MUNIMENT=/MUNIMENT_BUILD-is-not-set/cli/muniment
fi
export MUNIMENT

case $0 in
*/*) _self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0") ;;
*) _self=$0 ;;
esac

# Short, since paths of UNIX sockets end at 107 bytes.
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/mun.XXXXXX")
SCRATCH=$(cd "$SCRATCH" && pwd -P)
OUT=$SCRATCH/stdout
ERR=$SCRATCH/stderr
HOME=$SCRATCH/home
export SCRATCH HOME
mkdir "$HOME"
: >"$OUT"
: >"$ERR"
: >"$SCRATCH/.at_exit"

# say TEXT...: tell the log what comes next.
say() {
	printf '== %s\n' "$*"
}

# fail TEXT...: end the scenario as failed. In $(...) it ends only the
# substitution; the assignment then fails and ends the scenario.
fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# need COMMAND...: skip the scenario unless all of these are installed.
need() {
	for _name in "$@"; do
		command -v "$_name" >/dev/null || {
			printf 'SKIP: %s is not installed\n' "$_name" >&2
			exit 77
		}
	done
}

# need_root: skip the scenario unless it runs as root.
need_root() {
	[ "$(id -u)" -eq 0 ] || {
		printf 'SKIP: needs root\n' >&2
		exit 77
	}
}

# at_exit COMMANDS: run this line of shell at exit, the newest first,
# whatever the outcome; its failure is ignored. Works from $(...) too.
at_exit() {
	printf '%s\n' "$1" >>"$SCRATCH/.at_exit"
}

# quote TEXT: TEXT as one word of shell input.
quote() {
	printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# Print what the last expect_status command printed, last lines only.
_show() {
	for _file in "$OUT" "$ERR"; do
		printf -- '-- %s (%s bytes):\n' "$_file" \
			"$(wc -c <"$_file")"
		tail -n 40 "$_file" | cut -c1-1000 | cat -v
	done >&2
}

_last() {
	cat "$SCRATCH/.last" 2>/dev/null || echo '(no command yet)'
}

# expect_status N COMMAND...: run it, keep what it prints in $OUT and
# $ERR, and fail, showing both, unless its exit status is N.
expect_status() {
	_wanted=$1
	shift
	for _word in "$@"; do
		quote "$_word"
		printf ' '
	done >"$SCRATCH/.last"
	_status=0
	"$@" >"$OUT" 2>"$ERR" || _status=$?
	[ "$_status" -eq "$_wanted" ] || {
		_show
		fail "status $_status, expected $_wanted: $(_last)"
	}
}

# expect_stdout PATTERN, expect_stderr PATTERN: fail unless a line of the
# last command's output matches the extended regular expression.
expect_stdout() {
	grep -E -q -a -e "$1" "$OUT" || {
		_show
		fail "stdout lacks '$1': $(_last)"
	}
}

expect_stderr() {
	grep -E -q -a -e "$1" "$ERR" || {
		_show
		fail "stderr lacks '$1': $(_last)"
	}
}

# one_line_error: fail unless the last command printed exactly one line
# to stderr, ended by a newline, not blank.
one_line_error() {
	if [ "$(wc -l <"$ERR")" -ne 1 ] || [ -n "$(tail -c 1 "$ERR")" ] ||
		! grep -q -a '[^[:space:]]' "$ERR"; then
		_show
		fail "stderr is not exactly one line: $(_last)"
	fi
}

# wait_for PREDICATE [SECONDS]: try this line of shell every 20 ms until
# it is true; fail after SECONDS (10).
wait_for() {
	_until=$(($(date +%s%3N) + ${2:-10} * 1000))
	until eval "$1" >/dev/null 2>&1; do
		[ "$(date +%s%3N)" -lt "$_until" ] ||
			fail "not true after ${2:-10} s: $1"
		sleep 0.02
	done
}

# stop_process PID: end a process that this scenario started, its
# children first, and wait until it is gone; kill it after 5 s.
stop_process() {
	for _child in $(ps -o pid= --ppid "$1"); do
		kill "$_child" 2>/dev/null || :
	done
	kill "$1" 2>/dev/null || :
	_tries=250
	while [ "$_tries" -gt 0 ] && _alive "$1"; do
		_tries=$((_tries - 1))
		sleep 0.02
	done
	[ "$_tries" -gt 0 ] || kill -KILL "$1" 2>/dev/null || :
}

# Whether a process runs; a zombie that nobody waits for does not.
_alive() {
	_state=$(ps -o state= -p "$1") && [ "$_state" != Z ]
}

# unmount DIR: unmount it if it is mounted, lazily if it must be.
unmount() {
	if mountpoint -q "$1" 2>/dev/null ||
		grep -q -F " $1 " /proc/self/mounts; then
		umount "$1" 2>/dev/null || umount -l "$1"
	fi
}

# loop_ext4 MEGABYTES [INODES]: make an empty ext4 file system with ACLs and
# user xattrs in the scratch folder, mount it, print its mount point.
loop_ext4() {
	need_root
	need mkfs.ext4 mount mountpoint losetup
	[ -e /dev/loop-control ] || {
		printf 'SKIP: no loop devices\n' >&2
		exit 77
	}
	_image=$(mktemp "$SCRATCH/ext4-XXXXXX") || exit 1
	truncate -s "${1}M" "$_image" || exit 1
	mkfs.ext4 -q -F -b 4096 -I 256 -i 4096 ${2:+-N "$2"} -m 0 \
		-E lazy_itable_init=0,lazy_journal_init=0 "$_image" >&2 ||
		fail "mkfs.ext4 $_image"
	mkdir "$_image.d" || exit 1
	at_exit "unmount $(quote "$_image.d")"
	mount -o loop,user_xattr,acl "$_image" "$_image.d" ||
		fail "mount -o loop $_image"
	rmdir "$_image.d/lost+found" || exit 1
	printf '%s\n' "$_image.d"
}

_free_port() {
	/usr/bin/python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

_ssh_config() {
	cat <<-END
	Host vaultsource
		HostName 127.0.0.1
		HostKeyAlias vaultsource
		Port $_port
		User $(id -un)
		IdentityFile "$_ssh/client_key"
		IdentitiesOnly yes
		IdentityAgent none
		UserKnownHostsFile "$1"
		GlobalKnownHostsFile /dev/null
		StrictHostKeyChecking yes
		UpdateHostKeys no
		BatchMode yes
		RequestTTY no
		ConnectTimeout 10
	END
}

# start_sshd FORCED_COMMAND: run a real sshd on a free port of 127.0.0.1
# with keys of its own; whoever logs in gets FORCED_COMMAND. Leaves
#	$SCRATCH/ssh_config           Host vaultsource, host key known
#	$SCRATCH/ssh_config_unknown   the same, host key not known
#	$SCRATCH/ssh/sshd.log         what sshd saw
#	$SSHD_PORT, $SSHD_PID         for tests that cut the line
# The forced command finds what the client asked for, as always, in
# $SSH_ORIGINAL_COMMAND. One sshd per scenario.
start_sshd() {
	need_root
	need sshd ssh ssh-keygen ps
	_ssh=$SCRATCH/ssh
	mkdir -p /run/sshd
	mkdir -m 0700 "$_ssh"
	for _name in host_key client_key; do
		ssh-keygen -q -t ed25519 -N '' -C '' -f "$_ssh/$_name"
	done
	printf 'command="%s",restrict %s\n' \
		"$(printf '%s' "$1" | sed 's/"/\\"/g')" \
		"$(cat "$_ssh/client_key.pub")" >"$_ssh/authorized_keys"
	printf 'vaultsource %s\n' "$(cat "$_ssh/host_key.pub")" \
		>"$_ssh/known_hosts"
	: >"$_ssh/known_hosts_none"

	# Another process may take the free port first: then once more.
	for _try in 1 2 3 4 5; do
		_port=$(_free_port)
		# StrictModes would mind that /tmp is open to all.
		cat >"$_ssh/sshd_config" <<-END
		ListenAddress 127.0.0.1:$_port
		HostKey "$_ssh/host_key"
		AuthorizedKeysFile "$_ssh/authorized_keys"
		PidFile none
		StrictModes no
		UsePAM no
		PermitRootLogin forced-commands-only
		AuthenticationMethods publickey
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UseDNS no
		PrintMotd no
		MaxStartups 100
		LogLevel VERBOSE
		END
		"$(command -v sshd)" -D -e -f "$_ssh/sshd_config" \
			>"$_ssh/sshd.log" 2>&1 </dev/null &
		SSHD_PID=$!
		wait_for "grep -q 'Server listening' $(quote "$_ssh/sshd.log") ||
			! _alive $SSHD_PID"
		! _alive "$SSHD_PID" || break
		[ "$_try" -lt 5 ] || fail "sshd: $(cat "$_ssh/sshd.log")"
	done
	at_exit "stop_process $SSHD_PID"
	SSHD_PORT=$_port
	export SSHD_PORT SSHD_PID
	_ssh_config "$_ssh/known_hosts" >"$SCRATCH/ssh_config"
	_ssh_config "$_ssh/known_hosts_none" >"$SCRATCH/ssh_config_unknown"
}

_again() {
	[ -z "${MUNIMENT_BUILD:-}" ] ||
		printf 'MUNIMENT_BUILD=%s ' "$(quote "$MUNIMENT_BUILD")"
	if [ -n "${BASH_VERSION:-}" ]; then
		printf 'bash -x'
	else
		printf 'sh -x'
	fi
	for _word in "$_self" "$@"; do
		printf ' '
		quote "$_word"
	done
}

_end() {
	_outcome=$1
	trap - EXIT HUP INT TERM
	set +e
	cd /
	sed -n '1!G;h;$p' "$SCRATCH/.at_exit" >"$SCRATCH/.at_exit.newest"
	while read -r _line; do
		eval "$_line" </dev/null
	done <"$SCRATCH/.at_exit.newest"
	case $_outcome in
	0 | 77)
		# Root needs no right to empty a read-only directory.
		[ "$(id -u)" -eq 0 ] || chmod -R u+rwX "$SCRATCH"
		rm -rf --one-file-system "$SCRATCH"
		;;
	*)
		printf 'kept: %s\nto run it again: %s\n' "$SCRATCH" \
			"$_rerun" >&2
		;;
	esac
	exit "$_outcome"
}

_rerun=$(_again "$@")
trap '_end $?' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
