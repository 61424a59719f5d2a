/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: one decode for many readers, bounded memory, held blocks stay, and
 * a failed load is told to all who waited and tried again afterwards.
 */
#include <errno.h>
#include <pthread.h>

#include "tests/lib/check.h"
#include "util/mem.h"
#include "view/cache.h"

#define READERS 8U
#define BLOCK 4096U

/* A loader that waits until all readers have asked. */
struct loader {
	struct cache *cache;
	pthread_barrier_t start;
	atomic_uint calls;
	atomic_uint arrived;
	int err;
};

static int
fill_block(struct cache_key key, struct cache_fill *fill)
{
	fill->plain = mem_alloc(BLOCK);
	fill->plain_len = BLOCK;
	memset(fill->plain, (int)(key.ordinal * 31 + key.block) & 0xff, BLOCK);
	return 0;
}

static int
slow_load(void *ctx, struct cache_key key, struct cache_fill *fill,
	struct fault *f)
{
	struct loader *l = ctx;

	atomic_fetch_add(&l->calls, 1);
	while (cache_stats(l->cache).waits < READERS - 1 &&
		atomic_load(&l->arrived) < READERS)
		usleep(1000);
	/* All have arrived; most wait by now, none can have loaded. */
	usleep(20000);
	if (l->err < 0)
		return fault_set(f, FAULT_PACK_DAMAGED, "block", "as planned");
	return fill_block(key, fill);
}

static void *
reader(void *arg)
{
	struct loader *l = arg;
	const struct cache_key key = {7, 9};
	struct fault f = {0};
	struct cache_block *b;
	int err;

	pthread_barrier_wait(&l->start);
	atomic_fetch_add(&l->arrived, 1);
	err = cache_get(l->cache, key, slow_load, l, &b, &f);
	if (l->err < 0) {
		CHECK_EQ(err, -EBADMSG);
		CHECK_EQ(f.code, FAULT_PACK_DAMAGED);
		CHECK_STR(f.detail, "as planned");
		return NULL;
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(b->plain.n, BLOCK);
	CHECK_EQ(b->plain.p[17], (7 * 31 + 9) & 0xff);
	cache_put(l->cache, b);
	return NULL;
}

static void
run_readers(struct loader *l)
{
	pthread_t t[READERS];

	pthread_barrier_init(&l->start, NULL, READERS);
	atomic_store(&l->calls, 0);
	atomic_store(&l->arrived, 0);
	for (size_t i = 0; i < READERS; i++)
		pthread_create(&t[i], NULL, reader, l);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&l->start);
}

static void
single_flight(void)
{
	struct loader l = {.err = -EBADMSG};

	if (!CHECK_EQ(cache_create(1 << 20, &l.cache), 0))
		return;
	run_readers(&l);
	CHECK_EQ(l.calls, 1);
	CHECK_EQ(cache_stats(l.cache).bytes, 0);
	l.err = 0;
	run_readers(&l);
	CHECK_EQ(l.calls, 1);
	CHECK_EQ(cache_stats(l.cache).bytes, BLOCK);
	cache_free(l.cache);
}

static int
quick_load(void *ctx, struct cache_key key, struct cache_fill *fill,
	struct fault *f)
{
	unsigned int *calls = ctx;

	(void)f;
	(*calls)++;
	return fill_block(key, fill);
}

static void
stays_bounded(void)
{
	const size_t limit = 64 * BLOCK;
	unsigned int calls = 0;
	struct cache_block *held, *b;
	struct cache *c;
	struct fault f = {0};

	if (!CHECK_EQ(cache_create(limit, &c), 0))
		return;
	CHECK_EQ(cache_get(c, (struct cache_key){1, 0}, quick_load, &calls,
			 &held, &f),
		0);
	for (uint32_t i = 1; i < 2000; i++) {
		CHECK_EQ(cache_get(c, (struct cache_key){1, i}, quick_load,
				 &calls, &b, &f),
			0);
		CHECK_EQ(b->plain.p[0], (31 + i) & 0xff);
		cache_put(c, b);
		CHECK(cache_stats(c).bytes <= limit + BLOCK);
	}
	CHECK_EQ(calls, 2000);
	/* The held one was never thrown out. */
	CHECK_EQ(held->plain.p[BLOCK - 1], 31);
	CHECK_EQ(cache_get(c, (struct cache_key){1, 0}, quick_load, &calls, &b,
			 &f),
		0);
	CHECK(b == held);
	CHECK_EQ(calls, 2000);
	cache_put(c, b);
	cache_put(c, held);
	cache_free(c);
}

CHECK_MAIN(TEST(single_flight), TEST(stays_bounded))
