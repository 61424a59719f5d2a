/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

/* clang-format off */
#define STORE_HELP \
"  --store DIR              the store; else MUNIMENT_STORE\n"
#define PASSPHRASE_HELP \
"  --passphrase-file FILE   read the passphrase from FILE; else\n" \
"                           MUNIMENT_PASSPHRASE_FILE; else it is asked for\n"
#define SNAPSHOT_HELP \
"SNAPSHOT is NAME@latest, NAME@2026-11-22T03:00:00Z or the first 8 digits or\n" \
"more of an id, as `muniment snapshots` shows them. The first \":/\" separates\n" \
"it from PATH.\n"

const struct verb verbs[] = {
	{
		"init", "muniment-init",
		"create a store",
		"init --store DIR",
"Creates a store in DIR, which must be empty or not exist yet. The passphrase\n"
"opens everything that will ever be stored there: without it nothing can be\n"
"restored, by anyone.\n"
"\n"
STORE_HELP
"  --passphrase-file FILE   read the new passphrase from FILE; else\n"
"                           MUNIMENT_PASSPHRASE_FILE; else it is asked for\n"
"                           twice\n",
	},
	{
		"pull", "muniment-pull",
		"pull a source into a new snapshot",
		"pull --store DIR --source NAME LOCATION",
"Reads LOCATION, which is /path or [user@]host:/path, and stores it as a new\n"
"snapshot of the source NAME. Over ssh the source needs muniment-agent. No\n"
"passphrase is needed.\n"
"\n"
STORE_HELP
"  --source NAME            a-z, 0-9, '.', '_', '-'; at most 63 of them\n"
"  --exclude PATTERN        leave out what matches; may be repeated\n"
"  --exclude-caches         leave out what lies beside a CACHEDIR.TAG\n"
"  --cross-file-systems     enter other file systems that are mounted below\n"
"  --ssh-config FILE        ssh reads FILE instead of ~/.ssh/config\n"
"  --agent PATH             the agent's path, where no forced command names it\n"
"  --wait                   while another pull writes to the store, wait for it;\n"
"                           else this one is refused\n"
"  --json                   tell the result as JSON\n"
"\n"
"Exit status: 0 done, 1 failed, 2 usage, 3 done, but something could not be\n"
"read: `muniment ls --problems` says what.\n",
	},
	{
		"snapshots", "muniment-read",
		"list the snapshots",
		"snapshots --store DIR [--json]",
"Lists all snapshots, the oldest first. Needs no passphrase on the vault; of a\n"
"copy without keys/vault it needs one to show names.\n"
"\n"
STORE_HELP
"  --passphrase-file FILE   used only where keys/vault is missing; else\n"
"                           MUNIMENT_PASSPHRASE_FILE\n"
"  --json                   as JSON\n",
	},
	{
		"ls", "muniment-read",
		"list what a snapshot holds",
		"ls --store DIR SNAPSHOT[:/PATH]",
"Lists a directory of a snapshot, or one file: mode, a mark, owner, group, size\n"
"(of a device its numbers), time, name, link target. The mark is \"!\" for what\n"
"could not be read or was not entered, \"~\" for what changed meanwhile, \"+\" for\n"
"extended attributes. Unsafe bytes of names stand as \\xNN.\n"
"\n"
STORE_HELP
PASSPHRASE_HELP
"  --recursive              with everything below\n"
"  --problems               instead, what the pull could not read\n"
"  --json                   one JSON object a line\n"
"\n"
SNAPSHOT_HELP,
	},
	{
		"mount", "muniment-mount",
		"show all snapshots as folders",
		"mount --store DIR MOUNTPOINT [--foreground]",
"Shows every snapshot that there is when it begins, read-only, as\n"
"MOUNTPOINT/NAME/2026-11-22T03-00-00Z and MOUNTPOINT/NAME/latest, until\n"
"`umount MOUNTPOINT`. For later ones, mount again.\n"
"\n"
STORE_HELP
PASSPHRASE_HELP
"  --foreground             do not go to the background\n",
	},
	{
		"restore", "muniment-read",
		"bring files back",
		"restore --store DIR SNAPSHOT[:/PATH] --target DIR",
"Restores a whole snapshot, or a directory of it, directly into the target, and\n"
"another file under its own name into it. The target is made when it does not\n"
"exist; nothing that is there is touched.\n"
"\n"
STORE_HELP
PASSPHRASE_HELP
"  --target DIR             where to\n"
"  --overwrite              replace what is in the way\n"
"  --json                   tell the result as JSON\n"
"\n"
SNAPSHOT_HELP,
	},
	{
		"verify", "muniment-read",
		"check every byte of the store",
		"verify --store DIR [--read-data]",
"Checks every byte of packs, manifests, ledger and keys against the signed\n"
"ledger. That needs no passphrase.\n"
"\n"
STORE_HELP
"  --read-data              also open everything that is stored and, where\n"
"                           something is damaged, name the files; asks for\n"
"                           the passphrase\n"
"  --passphrase-file FILE   for --read-data; else MUNIMENT_PASSPHRASE_FILE\n"
"  --json                   as JSON\n",
	},
	{
		"status", "muniment-read",
		"tell how the store is",
		"status --store DIR [--json]",
"Shows sources and the age of their newest snapshots, packs and how well they\n"
"are protected, free space and leftovers. Needs no passphrase on the vault.\n"
"\n"
STORE_HELP
"  --passphrase-file FILE   used only where keys/vault is missing; else\n"
"                           MUNIMENT_PASSPHRASE_FILE\n"
"  --json                   as JSON\n",
	},
};
/* clang-format on */

const size_t verbs_count = array_len(verbs);

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < verbs_count; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

int
verb_help(const struct verb *v, FILE *to)
{
	if (fprintf(to, "usage: muniment %s\n\n%s", v->usage, v->help) < 0 ||
		fflush(to) != 0)
		return -EIO;
	return 0;
}
