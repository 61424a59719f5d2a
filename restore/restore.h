/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

/*
 * A snapshot, a directory or a file of it, back into a directory.
 *
 * Invariants:
 *  1 Nothing is made outside the target: every call names one component
 *    below an open directory that this run made or was given, and follows
 *    no symbolic link.
 *  2 Nothing that exists is replaced or written into, unless overwrite is
 *    set; then it stays until what takes its name is whole, and stays for
 *    good when that cannot be made, or only in part.
 *  3 A file under its name is what the snapshot has, byte for byte, or it is
 *    not there; what was left out is counted and told, and so is what the
 *    source could not read to its end; then the result is not 0.
 *  4 Nothing is made in a folder of the store, wherever below the target it
 *    is met: what it keeps is not the target's to lose.
 *  5 No content can be read by anyone else before owner and mode are set.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/view.h"

/* What of an inode could not be brought back although the inode was. */
enum restore_kind {
	RESTORE_OWNER,
	RESTORE_MODE,
	RESTORE_TIME,
	RESTORE_XATTR,
	RESTORE_ACL,
	RESTORE_CAPABILITY,
	RESTORE_LINK,
	RESTORE_KINDS
};

/* "owners", "POSIX ACLs", ...; never freed. */
const char *restore_kind_name(enum restore_kind kind);

struct restore_report {
	uint64_t directories;
	uint64_t files;
	uint64_t symlinks;
	uint64_t specials;   /* FIFOs, sockets, devices */
	uint64_t hard_links; /* names beyond the first of an inode */
	uint64_t bytes;	     /* written */

	/* Left out, each told through problem. */
	uint64_t failed;
	uint64_t devices; /* of those: devices that need more rights */
	/* What the source could not read: left out, or not to its end. */
	uint64_t unread;
	/* Of those: restored as far as it was read, and told too. */
	uint64_t cut;
	/* Restored, but the source changed while it was read. */
	uint64_t changed;
	/* Restored without attributes: they are damaged in the store, or the
	 * source could not read them. */
	uint64_t attrs_damaged;
	uint64_t attrs_unread;

	/* Inodes that lack something, and the first errno, negative. */
	uint64_t lost[RESTORE_KINDS];
	int why[RESTORE_KINDS];
};

struct restore_progress {
	uint64_t entries, entries_total;
	uint64_t bytes, bytes_total; /* of files; a link counts each time */
};

struct restore_opts {
	struct view_snap *snap;
	struct span path;   /* as in place_resolve; empty: all */
	const char *target; /* made if it does not exist; its parent must */
	const char *store;  /* nothing is made in its folders; NULL: none */
	bool overwrite;
	unsigned int workers; /* 0: by the number of processors */

	/*
	 * May be NULL. Called by any thread, one at a time: what was left out
	 * or is there in part, by its path below the target (empty: the
	 * target). progress comes a few times a second.
	 */
	void (*problem)(void *ctx, struct span path, const struct fault *f);
	void (*progress)(void *ctx, const struct restore_progress *p);
	void *ctx;
	const atomic_bool *stop; /* may be NULL: end soon when it is true */
};

/*
 * The contents of a directory (or of the whole snapshot) go directly below
 * the target, and the target gets its metadata; another inode goes under its
 * own name into the target. Ends with one syncfs. *report is filled in any
 * case.
 *
 * Faults: path-unknown, target-exists (a directory that is not empty, or the
 * name), target-bad, io (the target is full, or fails), interrupted,
 * restore-incomplete (something was left out or the source could not read it;
 * or, as root, owner, mode, time, attribute or link was lost).
 */
must_check int restore_run(const struct restore_opts *opts,
	struct restore_report *report, struct fault *f);

#endif
