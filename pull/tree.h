/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_TREE_H
#define PULL_TREE_H

#include "format/directory.h"
#include "format/types.h"
#include "pull/ingest.h"
#include "pull/ordinals.h"
#include "pull/owners.h"
#include "pull/peer.h"
#include "pull/remember.h"
#include "store/folders.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdint.h>

/*
 * From checked frames to the objects of a tree. The agent lists directories
 * depth first; each batch is answered at once with what is wanted of it; what
 * it sends then becomes entries, and a directory's pages are made when all
 * below it are done. Frames are believed only as far as the state allows:
 * anything unlisted or ill-timed ends the pull (agent-protocol), anything too
 * large does by name (limit-exceeded).
 */

/* Entries of directories under way at one time, about 600 bytes each. Only a
 * deep tree of full directories, or a hostile agent, comes near it. */
#define TREE_LIVE_MAX 200000u

struct tree_counts {
	uint64_t entries;
	uint64_t files;
	uint64_t directories;
	uint64_t bytes;	     /* of files, as listed */
	uint64_t bytes_read; /* sent by the source */
	uint64_t problems;
	uint64_t changed;    /* files that changed while they were read */
	uint32_t oldest_day; /* of a full read of any file */
};

/* Told of each problem with the escaped path, and of progress; NULL: nobody.
 * Names go to a terminal only. */
struct tree_sink {
	void *ctx;
	void (*problem)(
		void *ctx, struct span path, uint32_t reason, uint32_t err);
	void (*progress)(void *ctx, const struct tree_counts *c);
};

struct tree_opts {
	struct peer *peer;
	struct ingest *ingest;
	struct remember *remember;
	const struct tree_sink *sink;
	const char *location; /* for messages */
	/* The store's folders, where the source may see them. */
	struct folders store;
	uint16_t paths;
	uint32_t today;
	int64_t greeted;    /* source's clock when it said HELLO, seconds */
	int64_t clock_skew; /* source's clock minus ours, seconds */
};

/* One pulled path; its entry has an empty name. */
struct tree_root {
	struct dirent_rec entry;
	struct ref content;
	struct ref attrs;
};

struct tree_result {
	struct tree_root *root; /* opts.paths of them */
	struct tree_counts counts;
	struct ordinal_map packs; /* all that the tree needs */
	struct owners owners;
	struct ref problems; /* if counts.problems or changed is not 0 */
};

/* Take frames up to DONE. Faults: those of the peer and of ingest, and
 * source-missing when a path is not there. ret is freed by tree_free in any
 * case. */
must_check int tree_run(
	const struct tree_opts *o, struct tree_result *ret, struct fault *f);
void tree_free(struct tree_result *t);

#endif
