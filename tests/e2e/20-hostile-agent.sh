#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: an agent that breaks the protocol, on purpose or by accident, is refused
# by name in one line, in bounded memory, and leaves earlier snapshots as they
# were; cut off after any number of bytes it never makes a snapshot.
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
expect_status 0 "$MUNIMENT" snapshots --store "$store" --json
cp "$OUT" "$SCRATCH/before"

"$agent" list | while read -r kind refusal; do
	[ "$kind" != honest ] || continue
	export HOSTILE="$kind"
	expect_status 1 /usr/bin/time -o "$SCRATCH/kib" -q -f %M \
		timeout 60 "$MUNIMENT" pull --store "$store" --source "s-$kind" --agent "$agent" /
	one_line_error
	expect_stderr "\[$refusal\]"
	# One process of several; all of them stay below 256 MiB.
	[ "$(cat "$SCRATCH/kib")" -lt 200000 ] ||
		fail "$kind: $(cat "$SCRATCH/kib") KiB"
done

export HOSTILE=truncated
for n in $(seq 1 7 420); do
	export HOSTILE_AT="$n"
	expect_status 1 timeout 60 "$MUNIMENT" pull --store "$store" --source t \
		--agent "$agent" /
	one_line_error
done

expect_status 0 "$MUNIMENT" snapshots --store "$store" --json
cmp "$OUT" "$SCRATCH/before" || fail "a snapshot appeared or changed"
expect_status 0 "$MUNIMENT" verify --store "$store" --read-data
