#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Goal: whoever has the disks of a store, cache included, finds no name, no
# content, no source and no location in it: not as it was, not lower-cased,
# not as UTF-16, not below a compression.
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/store.sh"

planted="Zanzibarquadrille Oystercatcherledger Quizzicalmarmoset
	Xylographicvellum Jabberwockymandate"
mkdir -p "$SCRATCH/src/Zanzibarquadrille-folder"
cd "$SCRATCH/src/Zanzibarquadrille-folder"
# Not compressed, compressed, tiny and above one piece.
echo Oystercatcherledger >tiny
for i in $(seq 3000); do
	echo "line $i about the Oystercatcherledger"
done >large
(
	head -c 200000 /dev/urandom
	echo Oystercatcherledger
	head -c 200000 /dev/urandom
) >noise
ln -s /srv/Quizzicalmarmoset/target link
touch Xylographicvellum.txt
setfattr -n user.Jabberwockymandate -v Jabberwockymandate tiny 2>/dev/null ||
	say 'no extended attributes here'
cd "$SCRATCH"
mv src Quizzicalmarmoset
new_store
pull jabberwockymandate "$SCRATCH/Quizzicalmarmoset"
chmod 0 "$SCRATCH/Quizzicalmarmoset/Zanzibarquadrille-folder/tiny"
echo more >>"$SCRATCH/Quizzicalmarmoset/Zanzibarquadrille-folder/large"
"$MUNIMENT" pull --source jabberwockymandate "$SCRATCH/Quizzicalmarmoset" \
	>"$OUT" 2>"$ERR" || [ $? -eq 3 ] || fail 'the second pull'
# What a crash leaves behind is no better lit.
setsid -w "$MUNIMENT" pull --source other "$SCRATCH/Quizzicalmarmoset" \
	>"$OUT" 2>"$ERR" &
job=$!
sleep 0.05
kill -KILL $job 2>/dev/null || :
wait $job || :

[ -d "$MUNIMENT_STORE/cache/index" ] || fail 'there is no cache to look into'
cat >"$SCRATCH/look.py" <<'END'
import os, sys
needles = []
for word in sys.argv[2].split():
    for form in (word, word.lower(), word[:8]):
        needles += [form.encode(), form.encode("utf-16-le"),
                    form.encode().hex().encode(), form.encode()[::-1]]
bad = 0
for folder, folders, files in os.walk(sys.argv[1]):
    for name in folders + files:
        if any(n in os.fsencode(name) for n in needles):
            print("named", os.path.join(folder, name)); bad += 1
    for name in files:
        path = os.path.join(folder, name)
        with open(path, "rb") as f:
            data = f.read()
        for n in needles:
            if n in data:
                print(n, "in", path); bad += 1
sys.exit(bad != 0)
END
/usr/bin/python3 "$SCRATCH/look.py" "$MUNIMENT_STORE" "$planted" ||
	fail 'the store speaks'

say and the search would have found it
mkdir "$SCRATCH/plain"
cp -r "$SCRATCH/Quizzicalmarmoset" "$SCRATCH/plain/x"
! /usr/bin/python3 "$SCRATCH/look.py" "$SCRATCH/plain" "$planted" \
	>/dev/null || fail 'the search finds nothing anywhere'

say 'while its owner reads it'
expect_status 0 "$MUNIMENT" snapshots
expect_stdout '^jabberwockymandate@'
expect_status 0 "$MUNIMENT" ls jabberwockymandate@latest
expect_stdout 'Zanzibarquadrille-folder$'
