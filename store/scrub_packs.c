/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub's long part: every byte of every pack, in two threads (hashing is
 * what takes the time on a fast disk; more threads would make a slow one
 * seek). */
#include "store/scrub_internal.h"

#include "store/layout.h"
#include "store/packs.h"
#include "util/mem.h"
#include "util/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define THREADS 2U

struct job {
	struct scrub *s;
	const struct scrub_pack *pack;
};

static void
on_slice(void *ctx, uint64_t bytes)
{
	struct scrub *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->result.bytes += bytes;
	if (s->sink->progress)
		s->sink->progress(s->sink->ctx, s->result.bytes, s->total);
	pthread_mutex_unlock(&s->lock);
}

static int
compare_ordinals(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Snapshots that list a pack: at most all of them; NULL without memory. */
static uint64_t *
who_lists(const struct scrub *s, uint32_t ordinal, size_t *n)
{
	uint64_t *v = mem_array(s->nsnapshots, sizeof(*v));

	*n = 0;
	for (size_t i = 0; v && i < s->nsnapshots; i++) {
		const struct scrub_snapshot *snap = &s->snapshots[i];

		if (snap->n > 0 && bsearch(&ordinal, snap->ordinals, snap->n,
					   sizeof(ordinal), compare_ordinals))
			v[(*n)++] = snap->number;
	}
	return v;
}

static void
scrub_pack(void *arg)
{
	const struct job *job = arg;
	struct scrub *s = job->s;
	_cleanup_pack_ struct packs_file *p = NULL;
	_cleanup_free_ uint64_t *snapshots = NULL;
	struct fault bad = {.code = FAULT_NONE};
	size_t n;
	int err;

	err = packs_open(store_dirfd(s->st), store_id_peek(s->st),
		job->pack->ordinal, &job->pack->root, &p, &bad);
	if (err == 0)
		err = packs_scrub(p, on_slice, s, &bad);
	if (err < 0 && err != -ENOMEM) {
		snapshots = who_lists(s, job->pack->ordinal, &n);
		if (!snapshots)
			err = -ENOMEM;
		else
			scrub_report_needed(s, &bad, snapshots, n);
	}
	pthread_mutex_lock(&s->lock);
	if (err == 0)
		s->result.packs++;
	if (err == -ENOMEM)
		s->no_memory = true;
	pthread_mutex_unlock(&s->lock);
}

static uint64_t
file_sizes(const struct scrub *s)
{
	uint64_t total = 0;

	for (size_t i = 0; i < s->npacks; i++) {
		char name[LAYOUT_NAME];
		struct stat sb;

		layout_pack(name, &s->packs[i].root);
		if (fstatat(store_dirfd(s->st), name, &sb,
			    AT_SYMLINK_NOFOLLOW) == 0)
			total += (uint64_t)sb.st_size;
	}
	return total;
}

int
scrub_packs(struct scrub *s, struct fault *f)
{
	_cleanup_free_ struct job *jobs = mem_array(s->npacks, sizeof(*jobs));
	struct pool *pool = NULL;
	int err = jobs ? 0 : -ENOMEM;

	s->total = file_sizes(s);
	if (err == 0)
		err = pool_create(THREADS, THREADS, &pool);
	if (err < 0)
		return fault_errno(f, FAULT_NO_MEMORY, err, LAYOUT_PACKS,
			"starting threads");
	for (size_t i = 0; i < s->npacks; i++) {
		jobs[i] = (struct job){s, &s->packs[i]};
		pool_submit(pool, scrub_pack, &jobs[i]);
	}
	pool_free(pool);
	return s->no_memory ? fault_set(f, FAULT_NO_MEMORY, LAYOUT_PACKS, NULL)
			    : 0;
}
