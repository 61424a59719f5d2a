/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_FAULT_LIST_H
#define UTIL_FAULT_LIST_H

/*
 * Every refusal: enum name, stable name, errno, and one sentence on what is
 * unharmed and what to do. A name once released is never changed or reused;
 * the order is free. A new refusal is one entry here and one line in
 * docs/errors.md.
 */

#include <errno.h>

/* clang-format off */
#define FAULT_LIST(X) \
X(NONE, "none", 0, \
	"nothing failed") \
X(USAGE, "usage", EINVAL, \
	"nothing was done; see --help") \
X(NO_MEMORY, "no-memory", ENOMEM, \
	"the store is unharmed; free memory and run it again") \
X(IO, "io", EIO, \
	"what was committed before is unharmed; check the disk and its log") \
X(STORE_MISSING, "store-missing", ENOENT, \
	"nothing was done; name the store or create it with init") \
X(STORE_EXISTS, "store-exists", EEXIST, \
	"the store there is untouched; choose another directory") \
X(STORE_NOT_EMPTY, "store-not-empty", ENOTEMPTY, \
	"the files there are untouched; choose an empty directory") \
X(STORE_CONF_DAMAGED, "store-conf-damaged", EBADMSG, \
	"packs and ledger are untouched; restore the file from a copy") \
X(STORE_NEWER, "store-newer", EOPNOTSUPP, \
	"the store is untouched; use a newer muniment") \
X(STORE_FOREIGN, "store-foreign", EXDEV, \
	"nothing was changed; check which store this is") \
X(STORE_BUSY, "store-busy", EBUSY, \
	"nothing was changed; pull when the other process has ended, or --wait") \
X(STORE_FULL, "store-full", ENOSPC, \
	"earlier snapshots are unharmed; make room and pull again") \
X(STORE_DENIED, "store-denied", EACCES, \
	"what was committed before is unharmed; use an account that may do it, and no read-only disk") \
X(KEY_MISSING, "key-missing", ENOKEY, \
	"nothing was changed; put the key file back from its copy") \
X(KEY_DAMAGED, "key-damaged", EBADMSG, \
	"nothing was changed; put the key file back from its copy") \
X(KEY_EXPOSED, "key-exposed", EPERM, \
	"the key was not used; take the others' rights away (chmod 600)") \
X(WRONG_PASSPHRASE, "wrong-passphrase", EKEYREJECTED, \
	"nothing was changed; try again") \
X(PASSPHRASE_MISSING, "passphrase-missing", ENOKEY, \
	"nothing was changed; use a terminal or --passphrase-file") \
X(MEMORY_LOCK, "memory-lock", EPERM, \
	"a warning, nothing failed; raise the limit of locked memory (ulimit -l)") \
X(PACK_DAMAGED, "pack-damaged", EBADMSG, \
	"other packs are unharmed; restore it from a copy, or move it away and pull") \
X(PACK_MISSING, "pack-missing", ENODATA, \
	"other packs are unharmed; put the file back from a copy, or pull") \
X(PACK_FOREIGN, "pack-foreign", EXDEV, \
	"it was not read; move the file out of this store") \
X(MANIFEST_DAMAGED, "manifest-damaged", EBADMSG, \
	"other snapshots are unharmed; restore the file from a copy") \
X(MANIFEST_MISSING, "manifest-missing", ENODATA, \
	"other snapshots are unharmed; put the file back from a copy") \
X(MANIFEST_FOREIGN, "manifest-foreign", EXDEV, \
	"it was not read; move the file out of this store") \
X(LEFTOVER, "leftover", ESTALE, \
	"of a pull that was cut off, or of an older ledger put back; it may stay") \
X(LEDGER_DAMAGED, "ledger-damaged", EBADMSG, \
	"packs are untouched; restore the ledger from a copy") \
X(LEDGER_FOREIGN, "ledger-foreign", EXDEV, \
	"nothing was changed; put this store's own ledger back") \
X(LEDGER_TORN, "ledger-torn", ENODATA, \
	"committed snapshots are unharmed; the next pull takes up what is whole of it") \
X(CHECKPOINT_DAMAGED, "checkpoint-damaged", EBADMSG, \
	"packs and ledger are untouched; restore the file from a copy") \
X(CHECKPOINT_FOREIGN, "checkpoint-foreign", EXDEV, \
	"nothing was changed; check which store this is") \
X(OBJECT_DAMAGED, "object-damaged", EBADMSG, \
	"nothing of it was handed out; other objects are unharmed") \
X(OBJECT_MISSING, "object-missing", ENODATA, \
	"other objects are unharmed; run verify") \
X(SNAPSHOT_UNKNOWN, "snapshot-unknown", ENOENT, \
	"nothing was done; list them with snapshots") \
X(SNAPSHOT_AMBIGUOUS, "snapshot-ambiguous", ENOTUNIQ, \
	"nothing was done; give more digits of the id") \
X(PATH_UNKNOWN, "path-unknown", ENOENT, \
	"nothing was done; list the snapshot with ls") \
X(SOURCE_MISSING, "source-missing", ENOENT, \
	"no snapshot was made, earlier ones are unharmed; check the location") \
X(SOURCE_NAME, "source-name", EINVAL, \
	"nothing was done; use a-z, 0-9, '.', '_', '-', at most 63 of them") \
X(SOURCE_UNREADABLE, "source-unreadable", EACCES, \
	"earlier snapshots are unharmed; let the agent read it, or look at its disk") \
X(AGENT_MISSING, "agent-missing", ENOENT, \
	"no snapshot was made; install muniment-agent or give --agent") \
X(AGENT_VERSION, "agent-version", EPROTONOSUPPORT, \
	"no snapshot was made; install a matching muniment-agent") \
X(AGENT_PROTOCOL, "agent-protocol", EPROTO, \
	"no snapshot was made, earlier ones are unharmed; check the agent") \
X(AGENT_DIED, "agent-died", EPIPE, \
	"no snapshot was made, earlier ones are unharmed; pull again") \
X(HOST_KEY_UNKNOWN, "host-key-unknown", EACCES, \
	"nothing was sent; check the host's key and add it to known_hosts") \
X(SSH_FAILED, "ssh-failed", ECONNABORTED, \
	"no snapshot was made; try the same host with ssh") \
X(LIMIT_EXCEEDED, "limit-exceeded", E2BIG, \
	"it was refused before anything was stored; see the limits") \
X(MOUNTPOINT_BAD, "mountpoint-bad", ENOTDIR, \
	"nothing was mounted; name an empty directory") \
X(MOUNTPOINT_INSIDE, "mountpoint-inside", EINVAL, \
	"nothing was mounted; choose a directory outside store and sources") \
X(MOUNT_FAILED, "mount-failed", EIO, \
	"the store is unharmed; check /dev/fuse and fusermount3") \
X(TARGET_EXISTS, "target-exists", EEXIST, \
	"the files there are untouched; choose an empty or new directory") \
X(TARGET_BAD, "target-bad", ENOTDIR, \
	"nothing was restored; name a directory that you may write") \
X(TARGET_FULL, "target-full", ENOSPC, \
	"what was restored until then is whole; make room and restore again") \
X(RESTORE_INCOMPLETE, "restore-incomplete", ENODATA, \
	"all else that was restored is whole; the report tells what is not") \
X(INDEX_DAMAGED, "index-damaged", EUCLEAN, \
	"packs and ledger are unharmed; remove cache/ and pull again") \
X(INTERRUPTED, "interrupted", ECANCELED, \
	"what was committed before is unharmed; run it again") \
X(INTERNAL, "internal", ENOTRECOVERABLE, \
	"the store is unharmed; this is a defect, please report it")
/* clang-format on */

#endif
