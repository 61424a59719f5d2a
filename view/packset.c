/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same three states as in cache.c. A pack's key lives and goes with its
 * file: opening it again costs one X25519, less than reading the slice tree.
 */
#include "view/packset.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "keys/secmem.h"
#include "util/mem.h"

#define BUCKETS 256U

enum state {
	OPENING,
	OPEN,
	FAILED,
};

struct entry {
	struct packset_pack pack; /* first: callers hold its address */
	/* Protected by the set's lock. */
	enum state state;
	unsigned int holds;
	struct entry *next;	     /* of its bucket */
	struct entry *newer, *older; /* of the unused list, holds == 0 */
	/* Set before the state leaves OPENING. */
	int err;
	struct fault fault;
};

struct packset {
	int storefd;
	const struct store_id *store;
	const struct access *access;
	uint32_t max;

	pthread_mutex_t lock;
	pthread_cond_t opened;
	/* All below protected by lock. */
	struct entry *bucket[BUCKETS];
	struct entry *newest, *oldest;
	uint32_t unused;
};

int
packset_create(int storefd, const struct store_id *store,
	const struct access *access, uint32_t max, struct packset **ret)
{
	struct packset *set = mem_zalloc(sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->storefd = storefd;
	set->store = store;
	set->access = access;
	set->max = max;
	pthread_mutex_init(&set->lock, NULL);
	pthread_cond_init(&set->opened, NULL);
	*ret = set;
	return 0;
}

static void
entry_free(struct entry *e)
{
	packs_close(e->pack.file);
	secmem_free(e->pack.keys);
	mem_free(e);
}

void
packset_free(struct packset *set)
{
	if (!set)
		return;
	while (set->newest) {
		struct entry *e = set->newest;

		set->newest = e->older;
		entry_free(e);
	}
	pthread_cond_destroy(&set->opened);
	pthread_mutex_destroy(&set->lock);
	mem_free(set);
}

static void
table_remove(struct packset *set, struct entry *e)
{
	struct entry **at = &set->bucket[e->pack.ordinal % BUCKETS];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

static void
unused_remove(struct packset *set, struct entry *e)
{
	*(e->newer ? &e->newer->older : &set->newest) = e->older;
	*(e->older ? &e->older->newer : &set->oldest) = e->newer;
	e->newer = e->older = NULL;
	set->unused--;
}

static void
unused_add(struct packset *set, struct entry *e)
{
	e->newer = NULL;
	e->older = set->newest;
	*(set->newest ? &set->newest->newer : &set->oldest) = e;
	set->newest = e;
	set->unused++;
}

/* The longest unused entry when there are too many, taken out; or NULL. */
static struct entry *
evict(struct packset *set)
{
	struct entry *e = set->oldest;

	if (set->unused <= set->max || !e)
		return NULL;
	unused_remove(set, e);
	table_remove(set, e);
	return e;
}

/* The header was proven against the root: what it says is so. */
static int
open_key(struct packset *set, struct packset_pack *pack, struct fault *f)
{
	const struct pack_header *h = packs_header_peek(pack->file);
	const struct span header = packs_header_bytes_peek(pack->file);
	const struct epoch *epoch;
	char name[32];

	snprintf(name, sizeof(name), "pack %" PRIu32, pack->ordinal);
	epoch = unlock_epoch(set->access, h->compartment, h->epoch);
	if (!epoch)
		return fault_set(f, FAULT_KEY_MISSING, name,
			"epoch %" PRIu32 " of compartment %" PRIu32
			" is not open to this passphrase",
			h->epoch, h->compartment);
	pack->keys = secmem_alloc(sizeof(*pack->keys));
	if (!pack->keys)
		return fault_set(f, FAULT_NO_MEMORY, name,
			"there is no room left for keys");
	if (pack_key_open(&pack->keys->pack, header, epoch) != 0)
		return fault_set(
			f, FAULT_PACK_DAMAGED, name, "its key does not open");
	memcpy(pack->keys->context, header.p, sizeof(pack->keys->context));
	return 0;
}

static int
open_pack(struct packset *set, struct packset_pack *pack,
	const struct packset_want *want, struct fault *f)
{
	const struct ref_keys *refs;
	char name[32];
	int err;

	err = packs_open(set->storefd, set->store, want->ordinal, &want->root,
		&pack->file, f);
	if (err < 0)
		return err;
	snprintf(name, sizeof(name), "pack %" PRIu32, want->ordinal);
	if (packs_header_peek(pack->file)->compartment != want->compartment)
		return fault_set(f, FAULT_PACK_FOREIGN, name,
			"it is of another compartment");
	refs = unlock_ref_keys(set->access, want->compartment);
	pack->ids = unlock_id_keys(set->access, want->compartment);
	if (!refs || !pack->ids)
		return fault_set(f, FAULT_KEY_MISSING, name,
			"compartment %" PRIu32
			" is not open to this passphrase",
			want->compartment);
	err = packs_unlock(pack->file, refs, f);
	return err < 0 ? err : open_key(set, pack, f);
}

static struct entry *
find(struct packset *set, const struct packset_want *want)
{
	struct entry *e = set->bucket[want->ordinal % BUCKETS];

	while (e && (e->pack.ordinal != want->ordinal ||
			    !root_equal(&e->pack.root, &want->root)))
		e = e->next;
	return e;
}

/* Called with the lock held. */
static void
hold(struct packset *set, struct entry *e)
{
	if (e->holds == 0)
		unused_remove(set, e);
	e->holds++;
	while (e->state == OPENING)
		pthread_cond_wait(&set->opened, &set->lock);
}

static struct entry *
entry_add(struct packset *set, const struct packset_want *want)
{
	struct entry *e = mem_zalloc(sizeof(*e));
	struct entry **bucket = &set->bucket[want->ordinal % BUCKETS];

	if (!e)
		return NULL;
	e->pack.ordinal = want->ordinal;
	e->pack.root = want->root;
	e->state = OPENING;
	e->holds = 1;
	e->next = *bucket;
	*bucket = e;
	return e;
}

/* The one thread that opens; the lock is not held. */
static void
open_entry(
	struct packset *set, struct entry *e, const struct packset_want *want)
{
	e->err = open_pack(set, &e->pack, want, &e->fault);
	pthread_mutex_lock(&set->lock);
	e->state = e->err == 0 ? OPEN : FAILED;
	if (e->state == FAILED)
		table_remove(set, e);
	pthread_cond_broadcast(&set->opened);
	pthread_mutex_unlock(&set->lock);
}

int
packset_get(struct packset *set, const struct packset_want *want,
	struct packset_pack **ret, struct fault *f)
{
	struct entry *e;
	bool mine = false;
	int err;

	pthread_mutex_lock(&set->lock);
	e = find(set, want);
	if (e) {
		hold(set, e);
	} else {
		e = entry_add(set, want);
		mine = true;
	}
	pthread_mutex_unlock(&set->lock);
	if (!e)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	if (mine)
		open_entry(set, e, want);
	/* One ordinal has one compartment: the opener checked its own. */
	if (e->err == 0 && packs_header_peek(e->pack.file)->compartment !=
				   want->compartment) {
		packset_put(set, &e->pack);
		return fault_set(f, FAULT_PACK_FOREIGN, NULL,
			"pack %" PRIu32 " is of another compartment",
			want->ordinal);
	}
	if (e->err == 0) {
		*ret = &e->pack;
		return 0;
	}
	err = e->err;
	if (f && f->code == FAULT_NONE)
		*f = e->fault;
	packset_put(set, &e->pack);
	return err;
}

void
packset_put(struct packset *set, struct packset_pack *pack)
{
	struct entry *e = (struct entry *)pack, *gone = NULL;

	pthread_mutex_lock(&set->lock);
	if (--e->holds == 0) {
		if (e->state == FAILED) {
			gone = e;
		} else {
			unused_add(set, e);
			gone = evict(set);
		}
	}
	pthread_mutex_unlock(&set->lock);
	if (gone)
		entry_free(gone);
}

void
packset_fail(struct packset *set, struct packset_pack *pack)
{
	struct entry *e = (struct entry *)pack;

	pthread_mutex_lock(&set->lock);
	if (e->state == OPEN) {
		e->state = FAILED;
		table_remove(set, e);
	}
	pthread_mutex_unlock(&set->lock);
	packset_put(set, pack);
}
