/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SNAPSHOTS_H
#define STORE_SNAPSHOTS_H

#include "format/leaf.h"
#include "format/types.h"
#include "keys/aead.h"
#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stddef.h>
#include <stdint.h>

/* "NAME@2026-11-22T03:00:00Z-12" and its NUL. */
#define SNAPSHOT_NAME 128

struct snapshot {
	uint64_t number; /* of its leaf: the sequence */
	struct root id;	 /* its leaf hash */
	uint64_t vault_time;
	struct leaf_snapshot clear;
	char source[64];
	char location[512];	  /* cut if longer */
	struct leaf_body body;	  /* its spans are empty: see above */
	char name[SNAPSHOT_NAME]; /* NAME@TIME, with -2 for a second one */
};

/* All snapshots, by sequence. Names need the log key; with NULL the fields
 * from the leaf's body are zero and name is the first 16 digits of the id. */
struct snapshot_list {
	struct snapshot *v;
	size_t n;
};

must_check int snapshots_load(struct store *st, const struct key *log_key,
	struct snapshot_list *ret, struct fault *f);
void snapshots_free(struct snapshot_list *list);
#define _cleanup_snapshots_ _cleanup_(snapshots_free)

/*
 * Find by NAME@latest, NAME@TIME or an id prefix of at least 8 hexadecimal
 * digits. The result lives as long as list. Faults: snapshot-unknown,
 * snapshot-ambiguous.
 */
must_check int snapshots_find(const struct snapshot_list *list,
	const char *what, const struct snapshot **ret, struct fault *f);

#endif
