#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: an agent that breaks the protocol, on purpose or by accident, is refused
# by name in one line, in bounded memory, and leaves earlier snapshots as they
# were; an honest one that is cut off after any number of bytes never makes a
# snapshot; names that claim to be links to one file do not get each other's
# content.
. "$(dirname "$0")/../lib/lib.sh"

need /usr/bin/time
agent=$(dirname "$0")/../lib/hostile_agent.py
printf 'passphrase of a test\n' >"$SCRATCH/phrase"
export MUNIMENT_PASSPHRASE_FILE="$SCRATCH/phrase"
store=$SCRATCH/store
at_exit "chattr -R -i $(quote "$store") 2>/dev/null || :"
expect_status 0 "$MUNIMENT" init --store "$store"
HOSTILE=honest expect_status 0 "$MUNIMENT" pull --store "$store" \
	--source "s" --agent "$agent" /

# restored KIND: what that kind sends makes a snapshot, and comes back.
restored() {
	HOSTILE=$1 expect_status 0 timeout 60 "$MUNIMENT" pull \
		--store "$store" --source "$1" --agent "$agent" /
	expect_status 0 "$MUNIMENT" restore --store "$store" "$1@latest" \
		--target "$SCRATCH/$1"
	(
		cd "$SCRATCH/$1" || exit
		find . -type f -exec md5sum {} + -o -type l -printf '%l  %p\n' |
			sort -k 2
	) >"$SCRATCH/$1.sums"
}
md5() {
	printf %s "$1" | md5sum | cut -d ' ' -f 1
}
restored whole
cat >"$SCRATCH/expected" <<END
$(md5 below)  ./dir/file
$(md5 hello)  ./file
$({ head -c 4096 /dev/zero && printf end; } | md5sum | cut -d ' ' -f 1)  ./holes
file  ./link
END
diff "$SCRATCH/expected" "$SCRATCH/whole.sums"
restored links
for name in a b c d; do
	printf '%s  ./%s\n' "$(md5 "$name$name$name$name$name")" "$name"
done >"$SCRATCH/expected"
cat >>"$SCRATCH/expected" <<END
$(md5 equal)  ./e
$(md5 equal)  ./f
a  ./g
END
diff "$SCRATCH/expected" "$SCRATCH/links.sums"
expect_status 0 "$MUNIMENT" snapshots --store "$store" --json
cp "$OUT" "$SCRATCH/before"

# in_memory KIND: one process of several; all of them stay below 256 MiB.
in_memory() {
	[ "$(cat "$SCRATCH/kib")" -lt 200000 ] ||
		fail "$1: $(cat "$SCRATCH/kib") KiB"
}

"$agent" list >"$SCRATCH/kinds"
[ "$(grep -c ' [a-z]' "$SCRATCH/kinds")" -gt 40 ] || fail 'few kinds'
while read -r kind refusal; do
	[ -n "$refusal" ] || continue
	export HOSTILE="$kind"
	expect_status 1 /usr/bin/time -o "$SCRATCH/kib" -q -f %M \
		timeout 60 "$MUNIMENT" pull --store "$store" --source "s-$kind" --agent "$agent" /
	one_line_error
	expect_stderr "\[$refusal\]"
	in_memory "$kind"
done <"$SCRATCH/kinds"

export HOSTILE=truncated
"$agent" cuts 9 | tr ' ' '\n' >"$SCRATCH/cuts"
[ "$(wc -l <"$SCRATCH/cuts")" -gt 100 ] || fail 'few cuts'
while read -r n; do
	export HOSTILE_AT="$n"
	expect_status 1 timeout 60 "$MUNIMENT" pull --store "$store" --source t \
		--agent "$agent" /
	one_line_error
	expect_stderr '\[agent-died\]$'
done <"$SCRATCH/cuts"

expect_status 0 "$MUNIMENT" snapshots --store "$store" --json
cmp "$OUT" "$SCRATCH/before" || fail "a snapshot appeared or changed"
expect_status 0 "$MUNIMENT" verify --store "$store" --read-data

export HOSTILE=alike
expect_status 0 /usr/bin/time -o "$SCRATCH/kib" -q -f %M \
	"$MUNIMENT" pull --store "$store" --source alike --agent "$agent" --json /
expect_stdout '"directories":100101,'
in_memory alike
expect_status 0 "$MUNIMENT" verify --store "$store" --read-data
