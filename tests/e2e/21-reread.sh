#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: unchanged files are read again 20 to 40 days after their last reading, a
# share of them each day, so that no file lies unread for longer; and status
# tells the oldest. Their attributes too: an agent of fewer rights may not have
# seen them. Days that a wrong clock put ahead are not believed.
. "$(dirname "$0")/../lib/lib.sh"

need faketime
printf 'passphrase of a test\n' >"$SCRATCH/phrase"
export MUNIMENT_PASSPHRASE_FILE="$SCRATCH/phrase"
store=$SCRATCH/store
src=$SCRATCH/src
at_exit "chattr -R -i $(quote "$store") 2>/dev/null || :"
mkdir "$src"
for i in $(seq 1 500); do
	printf '%05d' "$i" >"$src/f$i"
done
find "$src" -exec touch -h -d '2020-01-01' {} +
/usr/bin/python3 -c 'import os, sys
os.setxattr(sys.argv[1], "trusted.seal", b"of the town")' "$src/f7"
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec setpriv --bounding-set=-sys_admin \
	"$MUNIMENT_BUILD/agent/muniment-agent"
END
chmod 755 "$SCRATCH/agent"
sleep 3
expect_status 0 "$MUNIMENT" init --store "$store"

# pull DAYS [OPTION...]: bytes that a pull on that day reads.
pull() {
	_day=$1
	shift
	expect_status 0 env DONT_FAKE_MONOTONIC=1 faketime -f "+${_day}d" \
		"$MUNIMENT" pull --store "$store" --source s --json "$@" "$src"
	read_bytes=$(sed -n 's/.*"bytes_read": *\([0-9]*\).*/\1/p' "$OUT")
	[ -n "$read_bytes" ] || fail "no bytes_read in $(cat "$OUT")"
	say "day $_day: $read_bytes bytes read"
}

# seal: the attribute of what was pulled last, if it has one.
seal() {
	rm -rf "$SCRATCH/out"
	expect_status 0 "$MUNIMENT" restore --store "$store" s@latest \
		--target "$SCRATCH/out"
	/usr/bin/python3 -c 'import os, sys
print(*(os.getxattr(sys.argv[1], n) for n in os.listxattr(sys.argv[1])))' \
		"$SCRATCH/out/f7"
}

pull 0 --agent "$SCRATCH/agent"
[ -z "$(seal)" ] || fail "an attribute was seen without the right to"
[ "$read_bytes" -eq 2500 ] || fail "the first pull reads all"
pull 1
[ "$read_bytes" -eq 0 ] || fail "nothing changed"
pull 19
[ "$read_bytes" -eq 0 ] || fail "nothing is due on day 19"
pull 30
[ "$read_bytes" -gt 500 ] && [ "$read_bytes" -lt 2000 ] ||
	fail "about half is due by day 30"
half=$read_bytes
pull 31
[ "$read_bytes" -lt 500 ] || fail "what was read on day 30 is not due on 31"
pull 41
[ "$read_bytes" -gt 0 ] && [ "$read_bytes" -le $((2500 - half)) ] ||
	fail "the rest is due by day 41, and no more"
[ "$(seal)" = "b'of the town'" ] || fail "attributes are not read again"
expect_status 0 "$MUNIMENT" status --store "$store" --json
oldest=$(sed -n 's/.*"oldest_full_read": *"\{0,1\}\([0-9-]*\).*/\1/p' "$OUT")
want=$(date -u -d '+30 days' +%F)
[ "$oldest" = "$want" ] || fail "oldest $oldest, not $want: $(cat "$OUT")"

# at DAY: the same under a clock that stands anywhere.
at() {
	expect_status 0 env DONT_FAKE_MONOTONIC=1 faketime "$1" \
		"$MUNIMENT" pull --store "$store" --source s --json "$src"
}
say a clock that was ahead
at '2099-01-01 00:00:00'
pull 42
[ "$read_bytes" -eq 2500 ] || fail "days that lie ahead were believed"
pull 43
[ "$read_bytes" -eq 0 ] || fail "what was read on day 42 is not due on 43"
expect_status 0 "$MUNIMENT" status --store "$store" --json
oldest=$(sed -n 's/.*"oldest_full_read": *"\{0,1\}\([0-9-]*\).*/\1/p' "$OUT")
want=$(date -u -d '+42 days' +%F)
[ "$oldest" = "$want" ] || fail "oldest $oldest, not $want: $(cat "$OUT")"
# A day ahead is what a midnight between two clocks may make of it.
pull 44
pull 43
[ "$read_bytes" -eq 0 ] || fail "one day ahead is no reason to read again"
