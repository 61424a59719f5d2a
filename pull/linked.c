/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/linked.h"

#include "format/directory.h"
#include "keys/digest.h"
#include "util/mem.h"

#include <errno.h>
#include <string.h>

#define BUCKETS 4096u

/*
 * An inode at one moment: what was listed alike is alike. An inode number may
 * pass to another file in the middle of a pull; its time of change tells.
 */
struct linked_file {
	unsigned int holds;
	unsigned int reads;
	struct listing as; /* its name is not looked at */
	bool kept;
	struct linked_content c;
};

struct inode {
	struct inode *next; /* of its bucket */
	struct linked_file *file;
	unsigned int reads;
};

struct linked {
	uint64_t key; /* whoever chooses the numbers cannot choose a bucket */
	struct inode *bucket[BUCKETS];
	/* In the order in which they came, in a ring. */
	struct inode **ring;
	size_t cap, n, oldest;
};

int
linked_new(struct linked **ret)
{
	struct linked *t = mem_zalloc(sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	random_bytes(&t->key, sizeof(t->key));
	t->key |= 1;
	*ret = t;
	return 0;
}

/* ---- files ---- */

void
linked_drop(struct linked_file *file)
{
	if (file == NULL || --file->holds > 0)
		return;
	ordinals_free(&file->c.packs);
	mem_free(file);
}

static struct linked_file *
file_new(const struct listing *l)
{
	struct linked_file *file = mem_zalloc(sizeof(*file));

	if (file == NULL)
		return NULL;
	file->holds = 1;
	file->as = *l;
	return file;
}

static bool
is_as(const struct linked_file *file, const struct listing *l)
{
	const struct listing *as = &file->as;

	return as->size == l->size && as->mtime.s == l->mtime.s &&
	       as->mtime.ns == l->mtime.ns && as->ctime.s == l->ctime.s &&
	       as->ctime.ns == l->ctime.ns;
}

int
linked_keep(struct linked_file *file, const struct linked_content *c)
{
	size_t i;

	/* What is of one moment is better than what is not. */
	if (file->kept && (file->c.flags == 0 || c->flags != 0))
		return 0;
	ordinals_clear(&file->c.packs);
	for (i = 0; i < c->packs.n; i++)
		if (ordinals_add(&file->c.packs, c->packs.v[i]) != 0)
			return -ENOMEM;
	file->kept = true;
	file->c = (struct linked_content){.content = c->content,
		.flags = c->flags,
		.ref = c->ref,
		.size = c->size,
		.mtime = c->mtime,
		.ctime = c->ctime,
		.packs = file->c.packs};
	return 0;
}

const struct linked_content *
linked_content(const struct linked_file *file)
{
	return file->kept ? &file->c : NULL;
}

/* ---- inodes ---- */

static struct inode **
place_of(struct linked *t, const struct listing *l)
{
	uint64_t h = (l->inode ^ l->device << 40) * t->key;
	struct inode **at = &t->bucket[(h >> 32) % BUCKETS];

	while (*at != NULL && ((*at)->file->as.inode != l->inode ||
				      (*at)->file->as.device != l->device))
		at = &(*at)->next;
	return at;
}

static void
inode_free(struct inode *i)
{
	linked_drop(i->file);
	mem_free(i);
}

void
linked_free(struct linked *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		inode_free(t->ring[(t->oldest + i) % t->cap]);
	mem_free(t->ring);
	mem_free(t);
}

/* Room for one more, if need be in the place of the oldest. */
static int
make_room(struct linked *t)
{
	size_t more = t->cap == 0 ? 64 : 2 * t->cap;
	struct inode **ring, *old, **at;

	if (t->n < t->cap)
		return 0;
	if (t->cap < LINKED_INODES) {
		/* Nothing was dropped yet: the oldest is the first. */
		ring = mem_realloc_array(t->ring, more, sizeof(struct inode *));
		if (ring == NULL)
			return -ENOMEM;
		t->ring = ring;
		t->cap = more;
		return 0;
	}
	old = t->ring[t->oldest];
	at = place_of(t, &old->file->as);
	*at = old->next;
	inode_free(old);
	t->oldest = (t->oldest + 1) % t->cap;
	t->n--;
	return 0;
}

static int
inode_new(struct linked *t, const struct listing *l, struct inode **ret)
{
	struct inode *i, **at;

	if (make_room(t) != 0)
		return -ENOMEM;
	i = mem_zalloc(sizeof(*i));
	if (i == NULL)
		return -ENOMEM;
	i->file = file_new(l);
	if (i->file == NULL) {
		mem_free(i);
		return -ENOMEM;
	}
	at = place_of(t, l);
	*at = i;
	t->ring[(t->oldest + t->n) % t->cap] = i;
	t->n++;
	*ret = i;
	return 0;
}

/* It was listed otherwise before. */
static int
begin_anew(struct inode *i, const struct listing *l)
{
	struct linked_file *file = file_new(l);

	if (file == NULL)
		return -ENOMEM;
	linked_drop(i->file);
	i->file = file;
	return 0;
}

int
linked_meet(struct linked *t, const struct listing *l, struct linked_file **ret)
{
	struct inode *i;

	*ret = NULL;
	if (l->links <= LINKED_READS)
		return LINKED_READ;
	i = *place_of(t, l);
	if (i == NULL && inode_new(t, l, &i) != 0)
		return -ENOMEM;
	if (!is_as(i->file, l) && i->reads == LINKED_READS_MAX)
		return LINKED_REFUSED;
	if (!is_as(i->file, l) && begin_anew(i, l) != 0)
		return -ENOMEM;
	i->file->holds++;
	*ret = i->file;
	if (i->file->reads == LINKED_READS || i->reads == LINKED_READS_MAX)
		return LINKED_FOLLOW;
	i->file->reads++;
	i->reads++;
	return LINKED_READ;
}
