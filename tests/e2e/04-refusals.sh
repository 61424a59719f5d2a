#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what cannot be done is refused in one clear line with a code of its
# own and a status that is not 0, and the store is as it was.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need setsid flock unshare prlimit setpriv strace mountpoint

new_store
mkdir "$SCRATCH/src" "$SCRATCH/mnt" "$SCRATCH/full"
echo deed >"$SCRATCH/src/deed"
printf '#!/bin/sh\necho it runs\n' >"$SCRATCH/src/script"
chmod 755 "$SCRATCH/src/script"
echo x >"$SCRATCH/full/x"
pull files1 "$SCRATCH/src"
id=$(field id)
good=$MUNIMENT_PASSPHRASE_FILE

usage() {
	expect_status 2 "$MUNIMENT" "$@"
	one_line_error
	expect_stderr '\[usage\]$'
}

say usage
usage
usage frobnicate
usage ls
usage ls a b
usage ls --frobnicate files1@latest
usage pull --source files1
usage pull "$SCRATCH/src"
usage pull --source files1 @host:/x
usage pull --source files1 user@:/x
usage pull --source
usage restore files1@latest
usage mount
usage mount ''
usage mount --store "$MUNIMENT_STORE" --store "$MUNIMENT_STORE" "$SCRATCH/none"
usage mount --passphrase-file a --passphrase-file b "$SCRATCH/none"
usage mount --store '' "$SCRATCH/none"
usage ls --store "$MUNIMENT_STORE" --store "$MUNIMENT_STORE" files1@latest
usage ls --recursive=yes files1@latest
usage help pull extra
usage --version extra
usage --help extra
usage snapshots --store ''
usage init --store "$SCRATCH/none/deeper"
(
	unset MUNIMENT_STORE
	usage status
)

say passphrase
echo wrong >"$SCRATCH/wrong"
: >"$SCRATCH/empty"
for file in wrong:wrong-passphrase empty:passphrase-missing \
	absent:passphrase-missing; do
	MUNIMENT_PASSPHRASE_FILE=$SCRATCH/${file%:*}
	refused "${file#*:}" "$MUNIMENT" ls files1@latest
	refused "${file#*:}" "$MUNIMENT" verify --read-data
	refused "${file#*:}" "$MUNIMENT" mount "$SCRATCH/mnt"
	refused "${file#*:}" "$MUNIMENT" restore files1@latest \
		--target "$SCRATCH/out"
	[ ! -e "$SCRATCH/out" ] || fail 'a target was made'
done
unset MUNIMENT_PASSPHRASE_FILE
refused passphrase-missing setsid -w "$MUNIMENT" ls files1@latest
MUNIMENT_PASSPHRASE_FILE=$good
export MUNIMENT_PASSPHRASE_FILE

say init
refused store-exists "$MUNIMENT" init
refused store-not-empty "$MUNIMENT" init --store "$SCRATCH/full"
refused passphrase-missing "$MUNIMENT" init --store "$SCRATCH/new" \
	--passphrase-file "$SCRATCH/empty"
[ ! -e "$SCRATCH/new" ] || fail 'a refused init left something'

say two inits at once
strace -f -q -o "$SCRATCH/calls" -e trace=mkdirat \
	-e inject=mkdirat:delay_enter=5000000:when=2 \
	"$MUNIMENT" init --store "$SCRATCH/two" >"$SCRATCH/first" 2>&1 &
first=$!
at_exit "stop_process $first"
wait_for "[ -d $(quote "$SCRATCH/two") ]"
refused store-busy "$MUNIMENT" init --store "$SCRATCH/two"
expect_stderr 'another init is at work there'
refused store-missing "$MUNIMENT" status --store "$SCRATCH/two"
wait "$first" || fail "the first init failed: $(cat "$SCRATCH/first")"
grep -q 'mkdirat.*DELAYED' "$SCRATCH/calls" || fail 'nothing was delayed'
at_exit "unlock $(quote "$SCRATCH/two")"
pull two "$SCRATCH/src" --store "$SCRATCH/two"
expect_status 0 "$MUNIMENT" verify --store "$SCRATCH/two"

say what is not there
for verb in 'ls x@latest' 'mount /' snapshots status verify \
	"pull --source s $SCRATCH/src"; do
	# shellcheck disable=SC2086
	refused store-missing "$MUNIMENT" $verb --store "$SCRATCH/none"
done
refused snapshot-unknown "$MUNIMENT" ls files2@latest
refused snapshot-unknown "$MUNIMENT" ls files1@2001-01-01T00:00:00Z
refused snapshot-unknown "$MUNIMENT" ls 0123456789
refused snapshot-unknown "$MUNIMENT" ls "$(echo "$id" | cut -c1-7)"
refused snapshot-unknown "$MUNIMENT" ls files1@latest:deed
expect_stderr "begins with '/'"
refused path-unknown "$MUNIMENT" ls files1@latest:/nothing
refused path-unknown "$MUNIMENT" restore files1@latest:/nothing \
	--target "$SCRATCH/out"
refused target-exists "$MUNIMENT" restore files1@latest \
	--target "$SCRATCH/full"
refused target-bad "$MUNIMENT" restore files1@latest \
	--target "$SCRATCH/none/below"
equal 'what lay in the target' "$(cat "$SCRATCH/full/x")" x

say mount points
refused mountpoint-bad "$MUNIMENT" mount "$SCRATCH/none"
refused mountpoint-bad "$MUNIMENT" mount "$SCRATCH/src/deed"
refused mountpoint-bad "$MUNIMENT" mount "$SCRATCH/full"
mkdir "$MUNIMENT_STORE/run/mnt" "$SCRATCH/src/mnt"
refused mountpoint-inside "$MUNIMENT" mount "$MUNIMENT_STORE/run/mnt"
refused mountpoint-inside "$MUNIMENT" mount "$SCRATCH/src/mnt"
rmdir "$MUNIMENT_STORE/run/mnt" "$SCRATCH/src/mnt"

say a mount runs nothing and leaves no core
at_exit "unmount $(quote "$SCRATCH/mnt")"
prlimit --core=unlimited "$MUNIMENT" mount --foreground "$SCRATCH/mnt" &
mount=$!
wait_for "mountpoint -q $(quote "$SCRATCH/mnt")"
cmp "$SCRATCH/src/script" "$SCRATCH/mnt/files1/latest/script"
expect_status 126 sh -c "'$SCRATCH/mnt/files1/latest/script'"
grep " $SCRATCH/mnt " /proc/self/mountinfo >"$SCRATCH/mountinfo"
grep -q ' ro,nosuid,nodev,noexec' "$SCRATCH/mountinfo" ||
	fail "mounted as $(cat "$SCRATCH/mountinfo")"
grep -q '^Max core file size  *0  *0 ' "/proc/$mount/limits" ||
	fail 'it may leave a core, with keys in it'

say a mount whose process was killed
kill -KILL "$mount"
wait "$mount" || :
refused mountpoint-bad "$MUNIMENT" mount "$SCRATCH/mnt"
expect_stderr 'has lost its process.*umount'
umount "$SCRATCH/mnt"

say a mount that does not answer is no success
refused mount-failed strace -f -q -o "$SCRATCH/calls" -P /dev/fuse \
	-e trace=read,readv,splice \
	-e inject=read,readv,splice:error=EIO:delay_enter=500000 \
	"$MUNIMENT" mount "$SCRATCH/mnt"
expect_stderr 'does not answer'
grep -q INJECTED "$SCRATCH/calls" || fail 'nothing failed'
! mountpoint -q "$SCRATCH/mnt" || fail 'it stands all the same'

say sources
refused source-missing "$MUNIMENT" pull --source files1 "$SCRATCH/none"
refused source-name "$MUNIMENT" pull --source ../up "$SCRATCH/src"
refused source-name "$MUNIMENT" pull --source Files "$SCRATCH/src"

say agents
cat >"$SCRATCH/garbage" <<-'END'
	#!/bin/sh
	yes 'Welcome to this server.' | head -c 100000
	END
cat >"$SCRATCH/silent" <<-'END'
	#!/bin/sh
	exit 0
	END
# HELLO of protocol 2: 4 bytes length, type 65, then magic and version.
cat >"$SCRATCH/newer" <<-'END'
	#!/usr/bin/python3
	import struct, sys
	body = b"MUNIWIRE" + struct.pack("<HHIq", 2, 0, 16, 0)
	sys.stdout.buffer.write(struct.pack("<IHH", len(body), 65, 0) + body)
	sys.stdout.flush()
	sys.stdin.buffer.read()
	END
cat >"$SCRATCH/slow" <<-END
	#!/bin/sh
	: >"$SCRATCH/agent-runs"
	exec sleep 60
	END
chmod 755 "$SCRATCH/garbage" "$SCRATCH/silent" "$SCRATCH/newer" \
	"$SCRATCH/slow"
with() {
	refused "$1" "$MUNIMENT" pull --source files1 "$SCRATCH/src" \
		--agent "$SCRATCH/$2"
}
with agent-missing none
with agent-protocol garbage
with agent-died silent
with agent-version newer

say ssh
start_sshd "$MUNIMENT_BUILD/agent/muniment-agent"
over() {
	_config=$1
	_code=$2
	shift 2
	refused "$_code" "$MUNIMENT" pull --source files1 "$@" \
		--ssh-config "$_config"
}
over "$SCRATCH/ssh_config_unknown" host-key-unknown \
	"vaultsource:$SCRATCH/src"
over "$SCRATCH/ssh_config" source-missing "vaultsource:$SCRATCH/none"
sed "s/^\([[:space:]]*Port\) .*/\1 1/" "$SCRATCH/ssh_config" \
	>"$SCRATCH/ssh_config_closed"
over "$SCRATCH/ssh_config_closed" ssh-failed "vaultsource:$SCRATCH/src"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$SCRATCH/stranger"
sed "s,\(IdentityFile\).*,\1 $SCRATCH/stranger," "$SCRATCH/ssh_config" \
	>"$SCRATCH/ssh_config_stranger"
over "$SCRATCH/ssh_config_stranger" ssh-failed "vaultsource:$SCRATCH/src"

say a second writer
"$MUNIMENT" pull --source slow "$SCRATCH/src" --agent "$SCRATCH/slow" \
	2>/dev/null &
slow=$!
at_exit "stop_process $slow"
wait_for "[ -e $(quote "$SCRATCH/agent-runs") ]"
refused store-busy "$MUNIMENT" pull --source files1 "$SCRATCH/src"
expect_status 0 "$MUNIMENT" snapshots
stop_process "$slow"
wait_for "flock -n $(quote "$MUNIMENT_STORE/ledger") true"

say keys
vault=$MUNIMENT_STORE/keys/vault
chmod 644 "$vault"
refused key-exposed "$MUNIMENT" pull --source files1 "$SCRATCH/src"
chmod 600 "$vault"
mv "$vault" "$SCRATCH/vault"
refused key-missing "$MUNIMENT" pull --source files1 "$SCRATCH/src"
head -c 100 "$SCRATCH/vault" >"$vault"
chmod 600 "$vault"
refused key-damaged "$MUNIMENT" pull --source files1 "$SCRATCH/src"
mv "$SCRATCH/vault" "$vault"

say a newer format
unlock "$MUNIMENT_STORE"
cp -p "$MUNIMENT_STORE/store.conf" "$SCRATCH/conf"
sed -i 's/^format 1$/format 2/' "$MUNIMENT_STORE/store.conf"
for verb in 'ls files1@latest' "mount $SCRATCH/mnt" snapshots status verify \
	"restore files1@latest --target $SCRATCH/out" \
	"pull --source files1 $SCRATCH/src"; do
	# shellcheck disable=SC2086
	refused store-newer "$MUNIMENT" $verb
done
cp -p "$SCRATCH/conf" "$MUNIMENT_STORE/store.conf"

say a store that is damaged
kept=$SCRATCH/kept
cp -a "$MUNIMENT_STORE" "$kept"
manifest=manifests/$(ls "$MUNIMENT_STORE/manifests")
for damage in store.conf:store-conf-damaged \
	ledger/checkpoint:checkpoint-damaged "$manifest:manifest-damaged"; do
	file=${damage%:*}
	truncate -s 50 "$MUNIMENT_STORE/$file"
	refused "${damage##*:}" "$MUNIMENT" ls files1@latest
	rm "$MUNIMENT_STORE/$file"
	cp -p "$kept/$file" "$MUNIMENT_STORE/$file"
done
rm "$MUNIMENT_STORE/$manifest"
refused manifest-missing "$MUNIMENT" ls files1@latest
cp -p "$kept/$manifest" "$MUNIMENT_STORE/$manifest"
rm -r "$MUNIMENT_STORE/cache"
: >"$MUNIMENT_STORE/cache"
refused index-damaged "$MUNIMENT" pull --source files1 "$SCRATCH/src"
rm "$MUNIMENT_STORE/cache"
pull files1 "$SCRATCH/src"

say a machine that gives too little
expect_status 0 prlimit --memlock=0 setpriv --bounding-set=-ipc_lock \
	"$MUNIMENT" snapshots
one_line_error
expect_stderr '\[memory-lock\]$'
for verb in 'ls files1@latest' snapshots "mount $SCRATCH/mnt" \
	"restore files1@latest --target $SCRATCH/few" \
	"pull --source files1 $SCRATCH/src"; do
	# shellcheck disable=SC2086
	refused limit-exceeded prlimit --nofile=1023 "$MUNIMENT" $verb
	expect_stderr 'only 1023 may be open at a time, 1024 are needed'
done
[ ! -e "$SCRATCH/few" ] || fail 'a target was made'
# Where only the soft limit is low, nothing is lost, and no cache is. What is
# young is looked at again, so it must not be.
find "$SCRATCH/src" -exec touch -h -d '2001-01-01' {} +
sleep 3
pull files1 "$SCRATCH/src"
few() {
	expect_status 0 prlimit --nofile=14:1024 "$MUNIMENT" "$@"
}
few pull --json --source files1 "$SCRATCH/src"
equal 'bytes read of what is known' "$(field bytes_read)" 0
pull files1 "$SCRATCH/src"
equal 'bytes read of what is known' "$(field bytes_read)" 0
few restore files1@latest --target "$SCRATCH/few"
diff -r "$SCRATCH/src" "$SCRATCH/few"
few verify --read-data
few mount "$SCRATCH/mnt"
diff -r "$SCRATCH/src" "$SCRATCH/mnt/files1/latest"
umount "$SCRATCH/mnt"
# And what opens the passphrase says so if it cannot.
refused io strace -f -q -o "$SCRATCH/calls" -P "$MUNIMENT_PASSPHRASE_FILE" \
	-e trace=openat -e inject=openat:error=EMFILE \
	"$MUNIMENT" ls files1@latest
grep -q INJECTED "$SCRATCH/calls" || fail 'nothing failed'
# A sanitizer needs room of its own.
nm -D "$MUNIMENT_BUILD/cli/muniment-read" | grep -q __asan ||
	refused no-memory prlimit --as=100000000 "$MUNIMENT" ls files1@latest
refused io sh -c "'$MUNIMENT' snapshots >/dev/full"
refused mount-failed unshare -m sh -c "mount -t tmpfs none /dev
	exec '$MUNIMENT' mount '$SCRATCH/mnt'"
refused mount-failed unshare -m sh -c "mount --bind /dev/null /dev/fuse
	exec '$MUNIMENT' mount '$SCRATCH/mnt'"
mkdir "$SCRATCH/alone"
cp "$MUNIMENT" "$SCRATCH/alone"
echo 'no program' >"$SCRATCH/alone/muniment-read"
chmod 755 "$SCRATCH/alone/muniment-read"
expect_status 1 "$SCRATCH/alone/muniment" snapshots
one_line_error
expect_stderr '\[internal\]$'

say a full disk
# The databases reserve some room of their own.
disk=$(loop_ext4 120)
new_store small "$disk"
pull first "$SCRATCH/src"
mkdir "$SCRATCH/large"
head -c 160000000 /dev/urandom >"$SCRATCH/large/noise"
expect_status 1 "$MUNIMENT" pull --source second "$SCRATCH/large"
one_line_error
expect_stderr '\[store-full\]$'
expect_status 0 "$MUNIMENT" snapshots --json
equal 'snapshots after a full disk' "$(field snapshots.0.source)" first
! grep -q '"second"' "$OUT" || fail 'half a snapshot'
expect_status 0 "$MUNIMENT" restore first@latest --target "$SCRATCH/small-out"
diff -r "$SCRATCH/src" "$SCRATCH/small-out"
rm "$SCRATCH/large/noise"
echo little >"$SCRATCH/large/noise"
pull second "$SCRATCH/large"
expect_status 0 "$MUNIMENT" verify --read-data

say a quota that is used up
# Where packs are written, and where what a cut off pull left is swept.
for call in pwrite64 fsync; do
	date +%N >"$SCRATCH/large/noise"
	expect_status 1 strace -f -q -o "$SCRATCH/calls" -e trace=$call \
		-e inject=$call:error=EDQUOT:when=1 \
		"$MUNIMENT" pull --source second "$SCRATCH/large"
	one_line_error
	expect_stderr 'Disk quota exceeded; .*\[store-full\]$'
	grep -q INJECTED "$SCRATCH/calls" || fail 'nothing failed'
done
mv "$MUNIMENT_STORE/cache" "$SCRATCH/cache"
refused store-full strace -f -q -o "$SCRATCH/calls" -e trace=mkdirat \
	-e inject=mkdirat:error=EDQUOT:when=2 \
	"$MUNIMENT" pull --source second "$SCRATCH/large"
grep -q 'cache.*INJECTED' "$SCRATCH/calls" || fail 'no cache was made'
pull second "$SCRATCH/large"

say a disk that can only be read
expect_status 0 "$MUNIMENT" snapshots
cp "$OUT" "$SCRATCH/listed"
mount -o remount,ro "$disk"
expect_status 0 "$MUNIMENT" snapshots
same "$SCRATCH/listed" "$OUT"
expect_status 0 "$MUNIMENT" status
expect_status 0 "$MUNIMENT" ls --recursive first@latest
expect_status 0 "$MUNIMENT" verify --read-data
expect_status 0 "$MUNIMENT" restore first@latest --target "$SCRATCH/ro-out"
diff -r "$SCRATCH/src" "$SCRATCH/ro-out"
mounted "$SCRATCH/mnt"
diff -r "$SCRATCH/src" "$SCRATCH/mnt/first/latest"
umount "$SCRATCH/mnt"
refused store-denied "$MUNIMENT" pull --source first "$SCRATCH/src"
expect_stderr 'Read-only file system'
mount -o remount,rw "$disk"
pull first "$SCRATCH/src"

say and a target that is full
mkdir "$disk/out"
for name in xxx yyy zzz; do
	head -c 80000000 /dev/zero | tr '\0' z >"$SCRATCH/large/$name"
done
new_store big
pull big "$SCRATCH/large"
refused target-full "$MUNIMENT" restore big@latest --target "$disk/out"
expect_stderr '^muniment restore: [a-z]+: .*No space left on device; '

say a disk without inodes
few=$(loop_ext4 120 192)
new_store few "$few"
pull first "$SCRATCH/src"
id=$(field id)
cp -r "$SCRATCH/src" "$SCRATCH/few-src"
mkdir "$few/taken"
n=0
while true >"$few/taken/$n"; do
	n=$((n + 1))
done 2>/dev/null
# More and more are given back, since what a pull sealed stays. One that could
# not replace the checkpoint may be taken up by the next: it was whole.
refusals=0
while date +%N >"$SCRATCH/src/deed" &&
	! "$MUNIMENT" pull --source second "$SCRATCH/src" >"$OUT" 2>"$ERR"; do
	one_line_error
	expect_stderr '\[store-full\]$'
	refusals=$((refusals + 1))
	expect_status 0 "$MUNIMENT" snapshots --json
	equal 'the earlier snapshot' "$(field snapshots.0.id)" "$id"
	expect_status 0 "$MUNIMENT" verify
	for _ in $(seq $refusals); do
		n=$((n - 1))
		[ $n -ge 0 ] || fail 'nor with many'
		rm "$few/taken/$n"
	done
done
[ $refusals -gt 3 ] || fail "only $refusals refusals"
expect_status 0 "$MUNIMENT" restore second@latest --target "$SCRATCH/few-out"
diff -r "$SCRATCH/src" "$SCRATCH/few-out"
expect_status 0 "$MUNIMENT" restore first@latest --target "$SCRATCH/few-first"
diff -r "$SCRATCH/few-src" "$SCRATCH/few-first"
expect_status 0 "$MUNIMENT" verify --read-data
