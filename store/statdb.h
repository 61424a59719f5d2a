/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STATDB_H
#define STORE_STATDB_H

/*
 * cache/stat: sealed records under opaque keys, of which this floor
 * understands nothing. Losing one costs a full read. They name packs by
 * ordinals, and nobody looks those up again: none outlives the ledger that gave
 * them out. Internal to store/.
 */

#include "store/mark.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

struct statdb;

/* Open DIR/cache/stat; one that cannot be opened, or is of another ledger than
 * l, is replaced. When that fails too the result knows nothing and keeps
 * nothing. -ENOMEM. */
must_check int statdb_open(const char *dir, int storefd,
	const struct store_id *store, struct ledger *l, struct statdb **ret);
/* Flush before: what was collected is forgotten. */
void statdb_close(struct statdb *db);

/* As writer_stat_get, _put and _flush; mark: the ledger as it is now. */
must_check int statdb_get(struct statdb *db, struct span key, struct buf *out);
void statdb_put(struct statdb *db, struct span key, struct span value);
void statdb_flush(struct statdb *db, const struct mark *mark);

#endif
