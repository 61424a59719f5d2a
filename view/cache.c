/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen shards by key, each with a lock, a table and a list of the blocks
 * that nobody holds, the longest unused last.
 *
 * An entry is LOADING while one thread decodes it, then READY, or FAILED: then
 * it has left the table, so that the next one to ask tries again, and lives on
 * for those who waited for it.
 */
#include "view/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "keys/secmem.h"
#include "util/mem.h"

#define SHARDS 16U
#define BUCKETS 256U

enum state {
	LOADING,
	READY,
	FAILED,
};

struct entry {
	struct cache_block block; /* first: callers hold its address */
	struct cache_key key;
	/* Protected by the shard's lock. */
	enum state state;
	unsigned int holds;
	struct entry *next;	     /* of its bucket */
	struct entry *newer, *older; /* of the unused list, holds == 0 */
	/* Set before the state leaves LOADING, then constant. */
	struct cache_fill fill;
	int err;
	struct fault fault;
};

struct shard {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	/* All below protected by lock. */
	struct entry *bucket[BUCKETS];
	struct entry *newest, *oldest;
	size_t bytes, limit;
	uint64_t hits, loads, waits;
};

struct cache {
	struct shard shard[SHARDS];
};

static uint32_t
mix(struct cache_key key)
{
	uint64_t h = (uint64_t)key.ordinal << 32 | key.block;

	h *= 0x9e3779b97f4a7c15U;
	return (uint32_t)(h >> 32);
}

int
cache_create(size_t bytes, struct cache **ret)
{
	struct cache *c = mem_zalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&c->shard[i].lock, NULL);
		pthread_cond_init(&c->shard[i].loaded, NULL);
		c->shard[i].limit = bytes / SHARDS;
	}
	*ret = c;
	return 0;
}

static void
entry_free(struct entry *e)
{
	if (e->fill.plain)
		secmem_wipe(e->fill.plain, e->fill.plain_len);
	if (e->fill.refs)
		secmem_wipe(e->fill.refs, e->fill.refs_len);
	mem_free(e->fill.plain);
	mem_free(e->fill.refs);
	mem_free(e);
}

void
cache_free(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shard[i];

		while (s->newest) {
			struct entry *e = s->newest;

			s->newest = e->older;
			entry_free(e);
		}
		pthread_cond_destroy(&s->loaded);
		pthread_mutex_destroy(&s->lock);
	}
	mem_free(c);
}

static struct shard *
shard_of(struct cache *c, struct cache_key key)
{
	return &c->shard[mix(key) % SHARDS];
}

static struct entry **
bucket_of(struct shard *s, struct cache_key key)
{
	return &s->bucket[mix(key) / SHARDS % BUCKETS];
}

static struct entry *
find(struct shard *s, struct cache_key key)
{
	struct entry *e = *bucket_of(s, key);

	while (e &&
		(e->key.ordinal != key.ordinal || e->key.block != key.block))
		e = e->next;
	return e;
}

static void
table_remove(struct shard *s, struct entry *e)
{
	struct entry **at = bucket_of(s, e->key);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

static void
unused_remove(struct shard *s, struct entry *e)
{
	*(e->newer ? &e->newer->older : &s->newest) = e->older;
	*(e->older ? &e->older->newer : &s->oldest) = e->newer;
	e->newer = e->older = NULL;
}

static void
unused_add(struct shard *s, struct entry *e)
{
	e->newer = NULL;
	e->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = e;
	s->newest = e;
}

/* Take unused entries out until the shard is within its limit: a list. */
static struct entry *
evict(struct shard *s)
{
	struct entry *gone = NULL;

	while (s->bytes > s->limit && s->oldest) {
		struct entry *e = s->oldest;

		unused_remove(s, e);
		table_remove(s, e);
		s->bytes -= e->fill.plain_len + e->fill.refs_len;
		e->next = gone;
		gone = e;
	}
	return gone;
}

/* Wiping takes its time: not under the lock. */
static void
free_list(struct entry *e)
{
	while (e) {
		struct entry *next = e->next;

		entry_free(e);
		e = next;
	}
}

static struct entry *
entry_add(struct shard *s, struct cache_key key)
{
	struct entry *e = mem_zalloc(sizeof(*e));

	if (!e)
		return NULL;
	e->key = key;
	e->state = LOADING;
	e->holds = 1;
	e->next = *bucket_of(s, key);
	*bucket_of(s, key) = e;
	s->loads++;
	return e;
}

/* The one thread that loads; the lock is not held. */
static void
load_entry(struct shard *s, struct entry *e, cache_load_fn *load, void *ctx)
{
	struct entry *gone;

	e->err = load(ctx, e->key, &e->fill, &e->fault);
	e->block.plain = span_of(e->fill.plain, e->fill.plain_len);
	e->block.refs = span_of(e->fill.refs, e->fill.refs_len);
	pthread_mutex_lock(&s->lock);
	if (e->err == 0) {
		e->state = READY;
		s->bytes += e->fill.plain_len + e->fill.refs_len;
	} else {
		e->state = FAILED;
		table_remove(s, e);
	}
	gone = evict(s);
	pthread_cond_broadcast(&s->loaded);
	pthread_mutex_unlock(&s->lock);
	free_list(gone);
}

/* Called with the lock held. */
static void
hold(struct shard *s, struct entry *e)
{
	if (e->holds == 0)
		unused_remove(s, e);
	e->holds++;
	s->hits++;
	if (e->state == LOADING)
		s->waits++;
	while (e->state == LOADING)
		pthread_cond_wait(&s->loaded, &s->lock);
}

int
cache_get(struct cache *c, struct cache_key key, cache_load_fn *load, void *ctx,
	struct cache_block **ret, struct fault *f)
{
	struct shard *s = shard_of(c, key);
	struct entry *e;
	bool mine = false;
	int err;

	pthread_mutex_lock(&s->lock);
	e = find(s, key);
	if (e) {
		hold(s, e);
	} else {
		e = entry_add(s, key);
		mine = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (!e)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	if (mine)
		load_entry(s, e, load, ctx);
	if (e->err == 0) {
		*ret = &e->block;
		return 0;
	}
	err = e->err;
	if (f && f->code == FAULT_NONE)
		*f = e->fault;
	cache_put(c, &e->block);
	return err;
}

void
cache_put(struct cache *c, struct cache_block *block)
{
	struct entry *e = (struct entry *)block, *gone = NULL;
	struct shard *s = shard_of(c, e->key);

	pthread_mutex_lock(&s->lock);
	if (--e->holds == 0) {
		if (e->state == FAILED) {
			e->next = NULL;
			gone = e;
		} else {
			unused_add(s, e);
			gone = evict(s);
		}
	}
	pthread_mutex_unlock(&s->lock);
	free_list(gone);
}

struct cache_stats
cache_stats(struct cache *c)
{
	struct cache_stats sum = {0, 0, 0, 0};

	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *s = &c->shard[i];

		pthread_mutex_lock(&s->lock);
		sum.hits += s->hits;
		sum.loads += s->loads;
		sum.waits += s->waits;
		sum.bytes += s->bytes;
		pthread_mutex_unlock(&s->lock);
	}
	return sum;
}
