/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "util/mem.h"
#include "util/pool.h"

struct job {
	pool_fn *fn;
	void *arg;
};

struct pool {
	pthread_mutex_t lock;
	/* All below protected by lock, but for threads and count. */
	pthread_cond_t work; /* a job came, or the end */
	pthread_cond_t room; /* a place in the queue came free */
	pthread_cond_t idle; /* nothing queued, nothing running */
	struct job *ring;    /* queued jobs: from head on, queued of them */
	size_t depth, head, queued;
	unsigned int running;
	bool ending;
	unsigned int count;
	pthread_t *threads;
};

/* Wait for a job and take it; false at the end. Called with the lock held. */
static bool
take_job(struct pool *pool, struct job *ret)
{
	while (pool->queued == 0 && !pool->ending)
		pthread_cond_wait(&pool->work, &pool->lock);
	if (pool->queued == 0)
		return false;
	*ret = pool->ring[pool->head];
	pool->head = (pool->head + 1) % pool->depth;
	pool->queued--;
	pool->running++;
	pthread_cond_signal(&pool->room);
	return true;
}

static void *
thread_main(void *arg)
{
	struct pool *pool = arg;
	struct job job;

	pthread_mutex_lock(&pool->lock);
	while (take_job(pool, &job)) {
		pthread_mutex_unlock(&pool->lock);
		job.fn(job.arg);
		pthread_mutex_lock(&pool->lock);
		pool->running--;
		if (pool->queued == 0 && pool->running == 0)
			pthread_cond_broadcast(&pool->idle);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Threads inherit the mask: the program's own threads get the signals. */
static int
start_threads(struct pool *pool, unsigned int wanted)
{
	sigset_t all, old;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (err == 0 && pool->count < wanted) {
		err = pthread_create(
			&pool->threads[pool->count], NULL, thread_main, pool);
		if (err == 0)
			pool->count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int
pool_create(unsigned int threads, size_t depth, struct pool **ret)
{
	struct pool *pool;
	int err;

	assert(threads > 0 && depth > 0);
	pool = mem_zalloc(sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	/* With default attributes these cannot fail on Linux. */
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->room, NULL);
	pthread_cond_init(&pool->idle, NULL);
	pool->depth = depth;
	pool->ring = mem_array(depth, sizeof(*pool->ring));
	pool->threads = mem_array(threads, sizeof(*pool->threads));
	err = pool->ring && pool->threads ? start_threads(pool, threads)
					  : -ENOMEM;
	if (err < 0) {
		pool_free(pool);
		return err;
	}
	*ret = pool;
	return 0;
}

void
pool_submit(struct pool *pool, pool_fn *fn, void *arg)
{
	size_t tail;

	pthread_mutex_lock(&pool->lock);
	while (pool->queued == pool->depth)
		pthread_cond_wait(&pool->room, &pool->lock);
	tail = (pool->head + pool->queued) % pool->depth;
	pool->ring[tail] = (struct job){fn, arg};
	pool->queued++;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

void
pool_drain(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	while (pool->queued > 0 || pool->running > 0)
		pthread_cond_wait(&pool->idle, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

void
pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->room);
	pthread_cond_destroy(&pool->idle);
	pthread_mutex_destroy(&pool->lock);
	mem_free(pool->ring);
	mem_free(pool->threads);
	mem_free(pool);
}
