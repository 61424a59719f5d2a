/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_OBJECT_INTERNAL_H
#define VIEW_OBJECT_INTERNAL_H

/* What view.c and object.c share of a view. */

#include <pthread.h>

#include "format/types.h"
#include "util/buf.h"
#include "view/cache.h"
#include "view/packset.h"

/* Memory of one decoding thread. */
struct scratch {
	struct buf sealed; /* as in the pack */
	struct buf packed; /* plain bytes, compressed: wiped at the end */
	struct scratch *next;
};

struct view {
	int storefd;
	struct store_id store;
	const struct access *access;
	struct packset *packs;
	struct cache *cache;
	pthread_mutex_t lock;
	struct scratch *scratch; /* not in use; protected by lock */
};

/* NULL when memory is short. */
struct scratch *view_scratch_take(struct view *v);
void view_scratch_give(struct view *v, struct scratch *s);

#endif
