#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: what a source's file system says wrongly never passes for what is so. A
# file that is listed, and of which a call says that it is not there, is no
# removed one; one whose bytes end before its size was not read to its end; a
# location that leads nowhere is not an empty folder; nor does a file that took
# another's place. Each ends with status 3 or 1, and says so.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"
need_root
need strace

new_store
real=$MUNIMENT_BUILD/agent/muniment-agent
mkdir "$SCRATCH/src"
for name in first payroll zoning; do
	seq 1 9000 >"$SCRATCH/src/$name"
done
ln -s first "$SCRATCH/src/shortcut"
# Else nobody asks for values.
/usr/bin/python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.seal", b"west")' "$SCRATCH/src/payroll"

# lie NAME WHAT: the kernel says WHAT, as strace puts it, of calls on NAME.
lie() {
	cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec strace -qq -o /dev/null -P "$1" -P "$SCRATCH/src/$1" \
	-e inject="$2" "$real"
END
	chmod 755 "$SCRATCH/agent"
}

# problem TEXT: the pull has status 3, and this is what the snapshot tells.
problem() {
	expect_status 3 "$MUNIMENT" pull --json --source files1 "$SCRATCH/src" \
		--agent "$SCRATCH/agent"
	equal problems "$(field problems)" 1
	expect_status 0 "$MUNIMENT" ls --problems files1@latest
	expect_stdout "^$1\$"
	equal lines "$(wc -l <"$OUT")" 1
}

say the truth
pull files1 "$SCRATCH/src"
rm -rf "$MUNIMENT_STORE/cache"

say it is there and cannot be opened
lie payroll openat,openat2:error=ENOENT
problem 'payroll: it could not be opened: Input/output error'

say it is there and cannot be examined
lie payroll statx,newfstatat:error=ENOENT
problem 'payroll: it could not be examined: No such file or directory'
expect_status 3 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out1"

say nor can its folder be read again, to see whether it is gone
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec strace -qq -o /dev/null -P "$SCRATCH/src" \
	-e inject=statx:error=ENOENT -e inject=getdents64:error=EIO:when=3+ "$real"
END
expect_status 3 "$MUNIMENT" pull --json --source files1 "$SCRATCH/src" \
	--agent "$SCRATCH/agent"
equal problems "$(field problems)" 4

say its attributes cannot be found
rm -rf "$MUNIMENT_STORE/cache"
lie payroll fgetxattr,flistxattr:error=ENOENT
problem 'payroll: .*attributes.*: Input/output error'
expect_status 3 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out2"
cmp "$SCRATCH/src/payroll" "$SCRATCH/out2/payroll"

say a link of which it cannot be said where it leads
rm -rf "$MUNIMENT_STORE/cache"
lie shortcut readlinkat:error=ENOENT
problem 'shortcut: .*: Input/output error'

say its bytes end before its size
rm -rf "$MUNIMENT_STORE/cache"
lie payroll pread64:retval=0
problem 'payroll: it could not be read to its end: Input/output error'
expect_status 3 "$MUNIMENT" restore files1@latest --target "$SCRATCH/out3"

say in /sys files claim a page each
"$MUNIMENT" pull --json --source sys /sys/kernel/mm >"$OUT" 2>/dev/null ||
	[ $? = 3 ] # some may not be read
[ "$(field changed)" -gt 0 ] || fail 'none of them is shorter than it says'
expect_status 0 "$MUNIMENT" ls --problems sys@latest
! grep -q 'Input/output' "$OUT" || fail 'what is short there passes for damage'

# As over ssh, where a location is not looked at here.
mkdir "$SCRATCH/bin"
printf '#!/bin/sh\nexec "%s"\n' "$real" >"$SCRATCH/bin/ssh"
chmod 755 "$SCRATCH/bin/ssh"
PATH=$SCRATCH/bin:$PATH

say a link that leads nowhere
ln -s /nowhere "$SCRATCH/nowhere"
ln -s "$SCRATCH/src/payroll" "$SCRATCH/link"
ln -s link "$SCRATCH/link2"
ln -s round "$SCRATCH/round"
for name in nowhere round; do
	for where in "there:$SCRATCH/$name" "$SCRATCH/$name"; do
		expect_status 1 "$MUNIMENT" pull --source link "$where"
		expect_stderr '\[source-[a-z]*\]$'
	done
done

say a link to a file is that file, here and there
for where in "$SCRATCH/link2" "there:$SCRATCH/link2"; do
	pull link "$where"
	equal bytes "$(field bytes)" "$(wc -c <"$SCRATCH/src/payroll")"
	rm -rf "$SCRATCH/out4"
	expect_status 0 "$MUNIMENT" restore link@latest --target "$SCRATCH/out4"
	equal files "$(find "$SCRATCH/out4" -type f | wc -l)" 1
	cmp "$SCRATCH/src/payroll" "$(find "$SCRATCH/out4" -type f)"
done

say a file that another took the place of
cp "$SCRATCH/src/first" "$SCRATCH/new"
cat >"$SCRATCH/agent" <<END
#!/bin/sh
exec "$TOOLS/late_agent.py" "$real" 'mv "$SCRATCH/new" "$SCRATCH/src/zoning"'
END
rm -rf "$MUNIMENT_STORE/cache"
problem 'zoning: it was replaced or moved before it could be read: .*'
