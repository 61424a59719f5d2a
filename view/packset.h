/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_PACKSET_H
#define VIEW_PACKSET_H

/*
 * The packs that readers have open: a bounded number of files, unlocked, with
 * the key of their blocks. Any number of threads.
 */

#include <stdint.h>

#include "chunker/block.h"
#include "format/types.h"
#include "keys/id.h"
#include "store/packs.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "view/unlock.h"

struct packset;

/* An open pack; constant while it is held. */
struct packset_pack {
	uint32_t ordinal;
	struct root root;
	struct packs_file *file;
	struct block_keys *keys; /* secmem */
	const struct id_keys *ids;
};

/* Which pack, as a snapshot's manifest and leaf say. */
struct packset_want {
	uint32_t ordinal;
	uint32_t compartment;
	struct root root;
};

/*
 * At most max files stay open beyond those that are held. store and access
 * live as long as the set; storefd stays the caller's. -ENOMEM.
 */
must_check int packset_create(int storefd, const struct store_id *store,
	const struct access *access, uint32_t max, struct packset **ret);

/* No pack may be held any more. NULL is fine. */
void packset_free(struct packset *set);

/*
 * Hold a pack, opening it if need be; of several threads that want it one
 * opens it and the others wait. Faults: those of packs_open and packs_unlock,
 * pack-foreign (another compartment), key-missing (its epoch was not opened),
 * pack-damaged (its key does not open).
 */
must_check int packset_get(struct packset *set, const struct packset_want *want,
	struct packset_pack **ret, struct fault *f);

/* End a hold. */
void packset_put(struct packset *set, struct packset_pack *pack);

/* End a hold after a read that failed. The next to want the pack opens its file
 * anew: it may have been put back from a copy. */
void packset_fail(struct packset *set, struct packset_pack *pack);

#endif
