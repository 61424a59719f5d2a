/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Link groups seen so far. A group leaves the table when as many names came
 * as it had at the source, so that memory follows the groups that are open
 * and not all there are.
 *
 * Whoever gets LINKS_FIRST works on that file alone until links_done, and
 * waits for nothing meanwhile: so the others wait for a thread that runs.
 */
#include "restore/links.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "util/le.h"
#include "util/mem.h"

#define BUCKETS_MIN 256U

enum state {
	MAKING,
	MADE,
	LOST,
};

struct link {
	struct link *next; /* of its bucket */
	uint8_t group[16];
	enum state state;
	uint32_t left;	/* names still to come */
	uint32_t users; /* threads that wait or copy */
	struct links_inode inode;
	struct way *way;
	char *name; /* of the first */
};

struct links {
	struct ways *ways;
	pthread_mutex_t lock;
	pthread_cond_t done;
	/* Protected by lock. */
	struct link **bucket;
	size_t buckets, n; /* buckets: a power of two */
};

int
links_create(struct ways *ways, struct links **ret)
{
	struct links *l = mem_zalloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->ways = ways;
	l->buckets = BUCKETS_MIN;
	l->bucket = mem_array(l->buckets, sizeof(*l->bucket));
	if (!l->bucket) {
		mem_free(l);
		return -ENOMEM;
	}
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->done, NULL);
	*ret = l;
	return 0;
}

static void
free_link(struct links *l, struct link *k)
{
	ways_drop(l->ways, k->way);
	mem_free(k->name);
	mem_free(k);
}

void
links_free(struct links *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->buckets; i++) {
		while (l->bucket[i]) {
			struct link *k = l->bucket[i];

			l->bucket[i] = k->next;
			free_link(l, k);
		}
	}
	mem_free(l->bucket);
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

/* A group is a keyed hash: any bytes of it will do. */
static struct link **
place_of(struct links *l, const uint8_t group[16])
{
	struct link **at = &l->bucket[le64_get(group) & (l->buckets - 1)];

	while (*at && memcmp((*at)->group, group, 16) != 0)
		at = &(*at)->next;
	return at;
}

/* Twice the buckets; without memory the chains just grow. */
static void
grow(struct links *l)
{
	struct link **old = l->bucket, **more;
	size_t n = l->buckets;

	more = mem_array(2 * n, sizeof(*more));
	if (!more)
		return;
	l->bucket = more;
	l->buckets = 2 * n;
	for (size_t i = 0; i < n; i++) {
		while (old[i]) {
			struct link *k = old[i];
			struct link **at;

			old[i] = k->next;
			at = &l->bucket[le64_get(k->group) & (2 * n - 1)];
			k->next = *at;
			*at = k;
		}
	}
	mem_free(old);
}

static int
add(struct links *l, const uint8_t group[16], uint32_t count, const char *name)
{
	struct link *k = mem_zalloc(sizeof(*k));
	struct link **at;

	if (!k)
		return -ENOMEM;
	k->name = mem_strdup(name);
	if (!k->name) {
		mem_free(k);
		return -ENOMEM;
	}
	if (l->n >= l->buckets)
		grow(l);
	at = place_of(l, group);
	memcpy(k->group, group, 16);
	k->state = MAKING;
	k->left = count > 0 ? count - 1 : 0;
	k->next = *at;
	*at = k;
	l->n++;
	return LINKS_FIRST;
}

/* All names came, and nobody looks at it. */
static void
drop_if_done(struct links *l, struct link *k)
{
	if (k->left > 0 || k->users > 0 || k->state == MAKING)
		return;
	*place_of(l, k->group) = k->next;
	l->n--;
	free_link(l, k);
}

static int
join(struct links *l, struct link *k, struct links_at *ret)
{
	int result;

	k->users++;
	if (k->left > 0)
		k->left--;
	while (k->state == MAKING)
		pthread_cond_wait(&l->done, &l->lock);
	result = k->state == MADE ? LINKS_NEXT : LINKS_FAILED;
	if (result == LINKS_NEXT) {
		ret->way = ways_hold_again(l->ways, k->way);
		ret->inode = k->inode;
		memcpy(ret->name, k->name, strlen(k->name) + 1);
	}
	k->users--;
	drop_if_done(l, k);
	return result;
}

int
links_ask(struct links *l, const uint8_t group[16], uint32_t count,
	const char *name, struct links_at *ret)
{
	struct link *k;
	int result;

	pthread_mutex_lock(&l->lock);
	k = *place_of(l, group);
	result = k ? join(l, k, ret) : add(l, group, count, name);
	pthread_mutex_unlock(&l->lock);
	return result;
}

void
links_done(struct links *l, const uint8_t group[16],
	const struct links_inode *made, struct way *way)
{
	struct link *k;

	pthread_mutex_lock(&l->lock);
	k = *place_of(l, group);
	if (k) {
		k->state = made ? MADE : LOST;
		if (made)
			k->inode = *made;
		k->way = way;
		pthread_cond_broadcast(&l->done);
		drop_if_done(l, k);
	}
	pthread_mutex_unlock(&l->lock);
}

void
links_move(struct links *l, const uint8_t group[16], const struct links_at *to)
{
	char *name = mem_strdup(to->name);
	struct way *way = to->way;
	struct link *k;

	pthread_mutex_lock(&l->lock);
	k = *place_of(l, group);
	/* Without memory the next one tries the old one in vain. */
	if (k && name) {
		way = k->way;
		k->way = to->way;
		k->inode = to->inode;
		mem_free(k->name);
		k->name = name;
		name = NULL;
	}
	pthread_mutex_unlock(&l->lock);
	mem_free(name);
	ways_drop(l->ways, way);
}
