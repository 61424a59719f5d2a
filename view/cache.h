/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_CACHE_H
#define VIEW_CACHE_H

/*
 * A bounded cache of opened blocks, for any number of threads. Each block is
 * decoded once however many ask for it at the same time; the others wait for
 * the first. What leaves the cache is wiped.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

struct cache;

struct cache_key {
	uint32_t ordinal;
	uint32_t block;
};

/* Rows remembered per block as checked. */
#define CACHE_SEEN 64U

/*
 * An opened block; a hold on it keeps the bytes where they are. seen[row %
 * CACHE_SEEN] is row + 1 when the id of that row was recomputed over these
 * bytes: it may forget, it never claims too much.
 */
struct cache_block {
	struct span plain;
	struct span refs; /* rows of 40 bytes */
	atomic_uint_least32_t seen[CACHE_SEEN];
};

/* What a loader hands over: memory of util/mem.h, the cache's from then. */
struct cache_fill {
	uint8_t *plain;
	size_t plain_len;
	uint8_t *refs; /* NULL: none */
	size_t refs_len;
};

/* 0, or a negative errno and nothing handed over. Runs without a lock. */
typedef int cache_load_fn(void *ctx, struct cache_key key,
	struct cache_fill *fill, struct fault *f);

/*
 * bytes: what the cache may hold; blocks that are held count and are never
 * thrown out, so it can be exceeded by them. -ENOMEM.
 */
must_check int cache_create(size_t bytes, struct cache **ret);

/* No block may be held any more. NULL is fine. */
void cache_free(struct cache *c);

/*
 * Hold the block of a key, loading it if it is not there. 0, or the loader's
 * error, with its fault also for those who only waited.
 */
must_check int cache_get(struct cache *c, struct cache_key key,
	cache_load_fn *load, void *ctx, struct cache_block **ret,
	struct fault *f);

/* End a hold. */
void cache_put(struct cache *c, struct cache_block *block);

struct cache_stats {
	uint64_t hits;
	uint64_t loads;
	uint64_t waits; /* of the hits: for a load that was under way */
	size_t bytes;
};
struct cache_stats cache_stats(struct cache *c);

#endif
