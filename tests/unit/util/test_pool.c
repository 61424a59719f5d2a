/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: jobs start in order, the queue is bounded, drain waits for the last
 * one, and a pool that cannot be built leaves nothing.
 */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include "tests/lib/check.h"
#include "util/hook.h"
#include "util/pool.h"

#define JOBS 1000

static unsigned int order[JOBS], order_n;
static unsigned int number[JOBS];

static void
note_order(void *arg)
{
	order[order_n++] = *(unsigned int *)arg;
}

static void
one_thread_keeps_order(void)
{
	_cleanup_pool_ struct pool *pool = NULL;
	bool right = true;

	if (!CHECK_EQ(pool_create(1, 3, &pool), 0))
		return;
	order_n = 0;
	for (unsigned int i = 0; i < JOBS; i++) {
		number[i] = i;
		pool_submit(pool, note_order, &number[i]);
	}
	pool_drain(pool);
	CHECK_EQ(order_n, JOBS);
	for (unsigned int i = 0; i < JOBS; i++)
		right = order[i] == i && right;
	CHECK(right);
}

static void
add_one(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

static void
many_threads_run_each_once(void)
{
	_cleanup_pool_ struct pool *pool = NULL;
	atomic_uint sum = 0;

	if (!CHECK_EQ(pool_create(8, 2, &pool), 0))
		return;
	for (int round = 1; round <= 10; round++) {
		for (int i = 0; i < JOBS; i++)
			pool_submit(pool, add_one, &sum);
		pool_drain(pool);
		CHECK_EQ(sum, round * JOBS);
	}
}

static sem_t gate, started;

static void
add_one_late(void *arg)
{
	struct timespec moment = {0, 20 * 1000 * 1000};

	sem_post(&started);
	nanosleep(&moment, NULL);
	add_one(arg);
}

/* A job that has left the queue but not ended counts too. */
static void
drain_waits_for_running(void)
{
	_cleanup_pool_ struct pool *pool = NULL;
	atomic_uint sum = 0;

	if (!CHECK_EQ(pool_create(3, 3, &pool), 0))
		return;
	sem_init(&started, 0, 0);
	pool_submit(pool, add_one_late, &sum);
	sem_wait(&started);
	pool_drain(pool);
	CHECK_EQ(sum, 1);
	sem_destroy(&started);
}

static void
wait_at_gate(void *arg)
{
	(void)arg;
	sem_post(&started);
	sem_wait(&gate);
}

struct submitter {
	struct pool *pool;
	atomic_uint submitted;
};

static void *
submit_ten(void *arg)
{
	struct submitter *s = arg;

	for (int i = 0; i < 10; i++) {
		pool_submit(s->pool, wait_at_gate, NULL);
		atomic_fetch_add(&s->submitted, 1);
	}
	return NULL;
}

/*
 * Two jobs at the gate and three queued: never more than five are taken. The
 * sixth submission has no event to wait for, so it gets the time to happen;
 * a pool without a bound is caught all but surely, a good one always passes.
 */
static void
queue_is_bounded(void)
{
	struct submitter s = {NULL, 0};
	struct timespec moment = {0, 20 * 1000 * 1000};
	pthread_t thread;

	if (!CHECK_EQ(pool_create(2, 3, &s.pool), 0))
		return;
	sem_init(&gate, 0, 0);
	sem_init(&started, 0, 0);
	CHECK_EQ(pthread_create(&thread, NULL, submit_ten, &s), 0);
	sem_wait(&started);
	sem_wait(&started);
	while (s.submitted < 5)
		nanosleep(&moment, NULL);
	nanosleep(&moment, NULL);
	CHECK_EQ(s.submitted, 5);
	sem_post(&gate);
	sem_wait(&started);
	while (s.submitted < 6)
		nanosleep(&moment, NULL);
	nanosleep(&moment, NULL);
	CHECK_EQ(s.submitted, 6);
	for (int i = 0; i < 9; i++)
		sem_post(&gate);
	pthread_join(thread, NULL);
	pool_drain(s.pool);
	CHECK_EQ(s.submitted, 10);
	pool_free(s.pool);
	sem_destroy(&gate);
	sem_destroy(&started);
}

static void
free_runs_the_rest(void)
{
	struct pool *pool = NULL;
	atomic_uint sum = 0;

	if (!CHECK_EQ(pool_create(2, JOBS, &pool), 0))
		return;
	for (int i = 0; i < JOBS; i++)
		pool_submit(pool, add_one, &sum);
	pool_free(pool);
	CHECK_EQ(sum, JOBS);
	pool_free(NULL);
}

static void
read_mask(void *arg)
{
	pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void
signals_stay_outside(void)
{
	_cleanup_pool_ struct pool *pool = NULL;
	sigset_t mask, own;

	sigemptyset(&mask);
	if (!CHECK_EQ(pool_create(1, 1, &pool), 0))
		return;
	pool_submit(pool, read_mask, &mask);
	pool_drain(pool);
	CHECK(sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM));
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	CHECK(!sigismember(&own, SIGINT));
}

static void
short_memory(void)
{
	struct pool *pool = NULL;
	int err = -ENOMEM;
	unsigned int tries = 0;

	while (err < 0 && tries < 100) {
		struct hook_plan plan = {.op = HOOK_ALLOC,
			.act = HOOK_FAIL,
			.err = -ENOMEM,
			.at = ++tries};

		hook_set(hook_plan_run, &plan);
		err = pool_create(2, 2, &pool);
		hook_set(NULL, NULL);
		if (err < 0) {
			CHECK_EQ(err, -ENOMEM);
			CHECK(pool == NULL);
		}
	}
	CHECK(tries > 1);
	CHECK_EQ(err, 0);
	pool_free(pool);
}

CHECK_MAIN(TEST(one_thread_keeps_order), TEST(many_threads_run_each_once),
	TEST(drain_waits_for_running), TEST(queue_is_bounded),
	TEST(free_runs_the_rest), TEST(signals_stay_outside),
	TEST(short_memory))
