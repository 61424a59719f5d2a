/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel asks for 128 KiB at a time and one piece ahead: one thread
 * decodes while the others idle. Here a reader that goes on where it ended is
 * kept up to AHEAD bytes of opened blocks in front of it.
 */
#include "fuse/ahead.h"

#include <errno.h>
#include <stdatomic.h>

#include "util/mem.h"
#include "util/pool.h"

#define THREADS 2U
/* Jobs that wait or run, over all files: with them 8 MiB of the cache. */
#define JOBS 16U
#define STEP (512U * 1024U)
#define AHEAD (2U * 1024U * 1024U)
/* Requests of one reader come in any order within this. */
#define NEAR (512U * 1024U)

struct ahead {
	struct pool *pool;
	atomic_uint jobs;
};

struct ahead_file {
	struct ahead *ahead;
	struct file file;
	atomic_uint holds;
	/* Guesses: a race costs a block decoded early or late. */
	atomic_uint run;	     /* requests in sequence */
	atomic_uint_least64_t next;  /* where the reader should go on */
	atomic_uint_least64_t ready; /* decoded, or asked for, up to here */
};

struct job {
	struct ahead_file *file;
	uint64_t from;
	size_t n;
};

int
ahead_create(struct ahead **ret)
{
	struct ahead *a = mem_zalloc(sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	err = pool_create(THREADS, JOBS, &a->pool);
	if (err < 0) {
		mem_free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void
ahead_free(struct ahead *a)
{
	if (!a)
		return;
	pool_free(a->pool);
	mem_free(a);
}

int
ahead_open(struct ahead *a, struct view_snap *snap, const struct place *place,
	struct ahead_file **ret)
{
	struct ahead_file *file = mem_zalloc(sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	err = file_open(snap, place, &file->file);
	if (err < 0) {
		mem_free(file);
		return err;
	}
	file->ahead = a;
	atomic_init(&file->holds, 1);
	*ret = file;
	return 0;
}

static void
drop(struct ahead_file *file)
{
	if (atomic_fetch_sub(&file->holds, 1) > 1)
		return;
	file_close(&file->file);
	mem_free(file);
}

void
ahead_close(struct ahead_file *file)
{
	drop(file);
}

struct file *
ahead_file_peek(struct ahead_file *file)
{
	return &file->file;
}

static void
run_job(void *arg)
{
	struct job *job = arg;
	struct ahead *a = job->file->ahead;

	file_prefetch(&job->file->file, job->from, job->n);
	drop(job->file);
	mem_free(job);
	atomic_fetch_sub(&a->jobs, 1);
}

/* False when enough is under way. The queue has room for what is allowed. */
static bool
submit(struct ahead_file *file, uint64_t from, size_t n)
{
	struct ahead *a = file->ahead;
	struct job *job;

	if (atomic_fetch_add(&a->jobs, 1) >= JOBS) {
		atomic_fetch_sub(&a->jobs, 1);
		return false;
	}
	job = mem_alloc(sizeof(*job));
	if (!job) {
		atomic_fetch_sub(&a->jobs, 1);
		return false;
	}
	*job = (struct job){file, from, n};
	atomic_fetch_add(&file->holds, 1);
	pool_submit(a->pool, run_job, job);
	return true;
}

void
ahead_note(struct ahead_file *file, uint64_t offset, size_t n)
{
	uint64_t size = file->file.place.entry.size;
	uint64_t next = atomic_load(&file->next);
	uint64_t end = offset + n, ready = atomic_load(&file->ready);

	if (offset + NEAR < next || offset > next + NEAR) {
		atomic_store(&file->run, 0);
		atomic_store(&file->next, end);
		atomic_store(&file->ready, end);
		return;
	}
	if (end > next)
		atomic_store(&file->next, end);
	/* The first piece of a file alone promises nothing. */
	if (atomic_fetch_add(&file->run, 1) < 1)
		return;
	ready = ready > end ? ready : end;
	while (ready < size && ready < end + AHEAD) {
		uint64_t left = size - ready;

		if (!submit(file, ready, left < STEP ? (size_t)left : STEP))
			break;
		ready += STEP;
	}
	atomic_store(&file->ready, ready);
}
