/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_POOL_H
#define UTIL_POOL_H

/*
 * The one thread pool: a fixed number of threads behind a bounded queue. Jobs
 * start in the order of their submission. All signals are blocked in the
 * threads.
 */

#include <stddef.h>

#include "util/cleanup.h"

struct pool;

typedef void pool_fn(void *arg);

#define _cleanup_pool_ _cleanup_(pool_freep)

/*
 * threads and depth (jobs that may wait) are at least 1. 0 and a pool in
 * *ret, or a negative errno (-ENOMEM, -EAGAIN) and *ret unchanged.
 */
must_check int pool_create(
	unsigned int threads, size_t depth, struct pool **ret);

/*
 * Queue fn(arg); blocks while the queue is full. arg stays the caller's and
 * must live until the job has run. Not to be called from a job, which could
 * wait for itself.
 */
void pool_submit(struct pool *pool, pool_fn *fn, void *arg);

/*
 * Wait until no job is queued or running; what the jobs wrote is then visible
 * to the caller. Not to be called from a job.
 */
void pool_drain(struct pool *pool);

/* Run what is queued, end the threads. NULL is fine. */
void pool_free(struct pool *pool);

static inline void
pool_freep(struct pool **pool)
{
	pool_free(*pool);
}

#endif
