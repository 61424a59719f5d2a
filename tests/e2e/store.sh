# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What scenarios with a store share; to be read after tests/lib/lib.sh.
#
#	$MUNIMENT_STORE $MUNIMENT_PASSPHRASE_FILE   set by new_store
#	$TOOLS                                      mktree.py, treedump.py

[ -x "$MUNIMENT" ] || fail "$MUNIMENT is not built"
[ -n "${TOOLS:-}" ] || TOOLS=$(cd "$(dirname "$0")/../lib" && pwd)

# new_store [NAME] [PARENT]: create a store and make it the one that
# commands use.
new_store() {
	MUNIMENT_STORE=${2:-$SCRATCH}/${1:-store}
	MUNIMENT_PASSPHRASE_FILE=$SCRATCH/${1:-store}.pass
	export MUNIMENT_STORE MUNIMENT_PASSPHRASE_FILE
	printf 'muster of %s, by candle\n' "${1:-store}" \
		>"$MUNIMENT_PASSPHRASE_FILE"
	at_exit "unlock $(quote "$MUNIMENT_STORE")"
	expect_status 0 "$MUNIMENT" init
}

# hears_signals COMMAND... &: a shell lets what it starts in the background
# ignore SIGINT, and nohup what the suite starts SIGHUP; ignored ones stay so.
hears_signals() {
	exec /usr/bin/python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# unlock FOLDER: take the immutable flags away, to damage or to remove it.
unlock() {
	chattr -R -f -i "$1" || :
}

# pull NAME LOCATION [OPTION...]: must give a complete snapshot; $OUT then
# holds the result as JSON.
pull() {
	_name=$1
	shift
	expect_status 0 "$MUNIMENT" pull --json --source "$_name" "$@"
}

# field KEY [FILE]: a value of a JSON object, of $OUT if no file is named.
field() {
	/usr/bin/python3 -c 'import json, sys
v = json.load(open(sys.argv[2]))
for k in sys.argv[1].split("."):
    v = v[int(k)] if isinstance(v, list) else v[k]
print(str(v).lower() if isinstance(v, bool) else v)' "$1" "${2:-$OUT}"
}

# equal WHAT A B: fail unless two texts are the same.
equal() {
	[ "$2" = "$3" ] || {
		_show
		fail "$1: $2 instead of $3"
	}
}

# dump FOLDER FILE [OPTION...]: describe a tree, as treedump.py does.
dump() {
	_folder=$1
	_file=$2
	shift 2
	/usr/bin/python3 "$TOOLS/treedump.py" "$@" "$_folder" >"$_file"
}

# same A B: fail unless two files are equal.
same() {
	diff "$1" "$2" >"$SCRATCH/diff" || {
		cut -c1-300 "$SCRATCH/diff" | head -n 20 >&2
		fail "$1 and $2 differ"
	}
}

# sums FOLDER: names, modes and contents of all files of a store, but for
# what is not needed to read it.
sums() {
	(
		cd "$1"
		find . -path ./cache -prune -o -path ./run -prune -o \
			-printf '%p %y %m %s\n' | sort
		find . -path ./cache -prune -o -path ./run -prune -o \
			-type f -print0 | sort -z | xargs -0 sha256sum
	)
}

# refused CODE COMMAND...: it must fail with status 1 and one line that
# ends in the code, print nothing else, and leave the store as it was.
refused() {
	_code=$1
	shift
	sums "$MUNIMENT_STORE" >"$SCRATCH/before"
	expect_status 1 "$@"
	one_line_error
	expect_stderr "\\[$_code\\]\$"
	[ ! -s "$OUT" ] || {
		_show
		fail "it printed something: $(_last)"
	}
	sums "$MUNIMENT_STORE" >"$SCRATCH/after"
	same "$SCRATCH/before" "$SCRATCH/after"
}

# small_tree DIR: some files of each kind, the same each time.
small_tree() {
	mkdir -p "$1"
	/usr/bin/python3 "$TOOLS/mktree.py" --small --unprivileged "$1" \
		2>>"$SCRATCH/mktree.log"
}

# mounted DIR [OPTION...]: mount the store there, unmounted at exit.
mounted() {
	_point=$1
	shift
	mkdir -p "$_point"
	at_exit "unmount $(quote "$_point")"
	expect_status 0 "$MUNIMENT" mount "$@" "$_point"
	wait_for "mountpoint -q $(quote "$_point")"
}
