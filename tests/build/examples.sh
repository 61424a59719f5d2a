#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: the commands that the README prints for the first server, the bad
# day and the end of a store, and those in the EXAMPLES of each manual page,
# do what they say, typed as they stand, with the programs as they are
# installed: on a machine that is made up of namespaces, with a vault and a
# source that sees another /srv, and a real sshd between them.
. "$(dirname "$0")/../lib/lib.sh"
need_root
need unshare ip meson bash sshd ssh-keygen ssh-keyscan useradd userdel \
	setcap flock chattr
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

# From here on in namespaces of its own; what runs there ends with it.
if [ "${1:-}" != inside ]; then
	own='unshare --mount --net --pid --fork --kill-child --mount-proc'
	$own true || {
		echo 'SKIP: no namespaces' >&2
		exit 77
	}
	$own "$0" inside
	exit
fi
[ $$ -eq 1 ] || fail 'this part is for a machine of its own'

commands() {
	/usr/bin/python3 "$here/manpages.py" --examples "$@"
}

# typed NAME: run the commands on stdin in a shell of its own, to the end;
# "AAAA..." is the public key, which may be made on the way.
typed() {
	{
		echo 'set -e'
		sed "s|AAAA\.\.\.|'\$(cut -d' ' -f2 ~/.ssh/muniment.pub)'|"
	} >"$SCRATCH/typed"
	say "$1"
	cat "$SCRATCH/typed"
	expect_status 0 bash "$SCRATCH/typed"
}

say a machine
over=$SCRATCH/over
mkdir "$over"
mount -t tmpfs none "$over"
at_exit "umount -l $(quote "$over")"
prefix=$(meson introspect --buildoptions "$MUNIMENT_BUILD" |
	/usr/bin/python3 -c 'import json, sys
print([o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"][0])')
# cover DIR: what is written there from now on is gone at the end.
cover() {
	layer=$over/$(echo "$1" | tr / _)
	mkdir -p "$layer/new" "$layer/work" "$1"
	mount -t overlay -o "lowerdir=$1,upperdir=$layer/new,workdir=$layer/work" \
		overlay "$1" || {
		echo 'SKIP: no overlays' >&2
		exit 77
	}
}
cover /etc
cover "$prefix"
root=$(cd "$(dirname "$0")/../.." && pwd -P)
for dir in /root /home /srv /mnt /var/tmp /run; do
	case $root/:$MUNIMENT_BUILD/ in
	"$dir"/* | *:"$dir"/*) cover "$dir" ;;
	*) mount -t tmpfs none "$dir" ;;
	esac
done
mkdir /run/sshd
ip link set lo up
echo '127.0.0.1 files1.example' >>/etc/hosts
ssh-keygen -A >/dev/null
! id muniment >/dev/null 2>&1 || userdel muniment
HOME=/root
meson install -C "$MUNIMENT_BUILD" --no-rebuild >"$SCRATCH/install.log" ||
	fail "$(cat "$SCRATCH/install.log")"
PATH=$prefix/bin:$PATH
echo 'five words that dice drew' >/root/passphrase
export MUNIMENT_PASSPHRASE_FILE=/root/passphrase

say a source
mkdir -p "$over/source/payroll" "$over/source/home/clerk"
echo 100 >"$over/source/payroll/march"
echo deed >"$over/source/home/clerk/deed"
chmod 600 "$over/source/payroll/march"
unshare --mount sh -c "mount --bind '$over/source' /srv &&
	exec $(command -v sshd) -D -e" >"$SCRATCH/sshd.log" 2>&1 &
wait_for "grep -q listening '$SCRATCH/sshd.log'"
cp "$MUNIMENT_BUILD/agent/muniment-agent" /root/
cd /root || exit

commands "$root/README.md" 'The first server' | typed 'the first server'
muniment ls --store /srv/vault files1@latest:/payroll >"$OUT"
expect_stdout '^-rw-------  .* march$'

commands "$root/README.md" 'The bad day' | typed 'the bad day'
diff -r "$over/source/payroll" /srv/payroll
diff -r "$over/source" /mnt/files1/latest
umount /mnt
say with the disks and the passphrase alone
rm -r /srv/payroll /srv/vault/cache /srv/vault/keys/vault
commands "$root/README.md" 'The bad day' | grep -v verify |
	typed 'the bad day, without cache and keys/vault'
diff -r "$over/source/payroll" /srv/payroll
umount /mnt

removed() {
	commands "$root/README.md" 'Removing a store' | typed 'removing a store'
	[ ! -e /srv/vault ] || fail 'it is still there'
	rm -rf /var/tmp/clerk
}
removed

for page in "$root"/docs/man/*; do
	name=$(basename "$page")
	commands "$page" >"$SCRATCH/commands"
	[ -s "$SCRATCH/commands" ] || fail "$name has no examples"
	case $name in
	muniment.1 | muniment-init.1) ;;
	muniment-agent.1)
		# Its user is made once more.
		cp -a ~muniment/.ssh /root/ssh
		userdel -r muniment 2>/dev/null
		;;
	*)
		muniment init --store /srv/vault >/dev/null
		muniment pull --store /srv/vault --source files1 \
			muniment@files1.example:/srv >/dev/null
		;;
	esac
	typed "$name" <"$SCRATCH/commands"
	case $name in
	muniment-agent.1)
		cp /root/ssh/authorized_keys ~muniment/.ssh/
		continue
		;;
	muniment.1 | muniment-read.1 | muniment-mount.1)
		diff -r "$over/source/home/clerk" /var/tmp/clerk
		;;
	esac
	[ "$(stat -f -c %T /mnt)" = tmpfs ] || fail "$name leaves a mount"
	removed
done
