/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SCRUB_INTERNAL_H
#define STORE_SCRUB_INTERNAL_H

/* Shared by the scrub's files. */

#include "format/types.h"
#include "store/ledger.h"
#include "store/scrub.h"
#include "util/buf.h"

#include <pthread.h>

/* A sealed pack: of its leaf, or of a manifest where the leaf is lost. */
struct scrub_pack {
	uint32_t ordinal;
	struct root root;
};

/* A snapshot leaf and what its manifest lists. */
struct scrub_snapshot {
	uint64_t number;
	struct root manifest;
	uint32_t *ordinals; /* ascending; NULL when it could not be read */
	uint32_t n;
};

struct scrub {
	struct store *st;
	const struct scrub_sink *sink;
	struct scrub_pack *packs; /* ascending by root once leaves are read */
	size_t npacks;
	struct scrub_snapshot *snapshots; /* ascending by number */
	size_t nsnapshots;
	bool lost;	  /* a leaf could not be read */
	struct buf names; /* of copies in keys/, each with its NUL */

	pthread_mutex_t lock;
	/* Protected by lock. */
	struct scrub_result result;
	uint64_t total;
	bool no_memory;
};

/* Report a fault (which is then none again). The second: of a file that these
 * snapshots need. */
void scrub_report(struct scrub *s, struct fault *fault, bool harmless);
void scrub_report_needed(struct scrub *s, struct fault *fault,
	const uint64_t *snapshots, size_t n);

/* Each returns 0, or what keeps the scrub from going on. */
must_check int scrub_leaves(struct scrub *s, struct fault *f);
must_check int scrub_tiles(struct scrub *s, struct fault *f);
must_check int scrub_frames(struct scrub *s, struct fault *f);
must_check int scrub_keys(struct scrub *s, struct fault *f);
must_check int scrub_manifests(struct scrub *s, struct fault *f);
must_check int scrub_packs(struct scrub *s, struct fault *f);
must_check int scrub_strays(struct scrub *s, struct fault *f);

/* Call fn for each name in a folder of the store but "." and "..". A folder
 * that cannot be read is reported. */
must_check int scrub_each(struct scrub *s, const char *folder,
	int (*fn)(struct scrub *s, const char *folder, const char *name,
		struct fault *f),
	struct fault *f);

/* The ledger as it is now: a pull may have gone on since the store was
 * opened. NULL when it cannot be had. */
struct ledger *scrub_ledger_now(struct scrub *s);

/* The pack with this root, or NULL. */
const struct scrub_pack *scrub_find_pack(
	const struct scrub *s, const struct root *root);

/* Add a pack; known after scrub_sort_packs. -ENOMEM with a fault. */
must_check int scrub_add_pack(struct scrub *s, uint32_t ordinal,
	const struct root *root, struct fault *f);
void scrub_sort_packs(struct scrub *s);

#endif
