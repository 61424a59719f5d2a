/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants of the writing side, and the file that guards each:
 *
 * I1 (draft.c)  A pack is named by its root and never written again.
 * I2 (draft.c)  A pack's leaf follows the sync of its file and of the folder
 *               that names it, and the flag that protects it.
 * I3 (draft.c)  Index records follow the leaf; stat records are the caller's,
 *               who flushes them after the packs that they name are sealed.
 * I4 (commit.c) A manifest lists only packs that are sealed and exist.
 * I5 (commit.c) A snapshot's leaf follows the sync of its manifest.
 * I6 (lookup.c) A hit is open to hits, and the pack's table shows its id.
 * I7 (lookup.c) Its stored references equal those just resolved.
 * I8 (ledger_append.c) No two checkpoints of one size differ.
 * I9 After a failed sync, or a failed write to the ledger, nothing is tried
 *    again: the pack is dropped, and this writer seals and commits no more.
 *    The next one believes only what it reads and writes anew.
 */
#include "store/writer_internal.h"

#include "format/field.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "store/caches.h"
#include "store/layout.h"
#include "store/lock.h"
#include "store/room.h"
#include "store/store_internal.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* The ledger is read after the lock was taken: before, it may still grow. */
static int
open_locked(const char *dir, const struct writer_wait *wait, struct writer *w,
	struct fault *f)
{
	_cleanup_store_ struct store *before = NULL;
	int err;

	/* A folder that is no store has nothing to wait for. */
	err = store_open(dir, &before, f);
	if (err == 0)
		err = lock_take(store_dirfd(before), dir, wait, &w->lockfd, f);
	if (err == 0)
		err = store_open(dir, &w->st, f);
	if (err < 0)
		return err;
	if (!lock_holds(w->lockfd, store_dirfd(w->st)))
		return fault_set(f, FAULT_STORE_BUSY, dir,
			"another ledger was put in its place just now");
	/* Before anything is changed. */
	return room_check(store_dirfd(w->st), f);
}

static int
load_keys(struct writer *w, struct fault *f)
{
	uint8_t pk[32];
	int err;

	err = vault_keys_load(
		store_dirfd(w->st), store_id_peek(w->st), &w->keys, f);
	if (err < 0)
		return err;
	sign_public(pk, &w->keys->ledger_seed);
	err = store_pin(w->st, pk, f);
	if (err < 0)
		return err;
	w->ref = secmem_alloc(w->keys->n * sizeof(*w->ref));
	if (!w->ref)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_KEYS,
			"there is no locked memory left");
	for (uint32_t i = 0; i < w->keys->n; i++)
		ref_keys_derive(&w->ref[i], &w->keys->secret[i]);
	return 0;
}

static int
open_ledger(struct writer *w, struct fault *f)
{
	const struct append_keys keys = {.store = *store_id_peek(w->st),
		.log_key = &w->keys->log_key,
		.ledger_seed = &w->keys->ledger_seed};
	struct state_ctx ctx = {&w->state, &w->keys->log_key};
	int err;

	err = append_open(w->st, &keys, state_leaf, &ctx, &w->ledger, f);
	if (err < 0)
		return err;
	w->next_ordinal = 1;
	for (uint32_t i = 0; i < w->state.npacks; i++) {
		if (w->state.packs[i].sealed)
			w->next_ordinal = i + 1;
	}
	return state_mark_listed(
		&w->state, writer_dirfd(w), writer_store_peek(w), f);
}

/* Remove what is in a folder: all, or what has a temporary name. */
static int
sweep_folder(struct writer *w, const char *name, bool all, struct fault *f)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int err;

	dir = io_opendirat(writer_dirfd(w), name, &err);
	if (!dir)
		return trouble_folder(f, err, name);
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		/* One that stays costs room, and a name that is never drawn
		 * again. */
		if (all || e->d_name[0] == '.')
			(void)io_unlinkat(dirfd(dir), e->d_name, 0);
	}
	return 0;
}

/* Open packs, and manifests that have no name yet, belong to no one: we hold
 * the lock. */
static int
sweep(struct writer *w, struct fault *f)
{
	int err = io_mkdirat(writer_dirfd(w), LAYOUT_INCOMING, 0700);

	if (err < 0 && err != -EEXIST)
		return trouble_io(f, err, LAYOUT_INCOMING, "making the folder");
	err = sweep_folder(w, LAYOUT_INCOMING, true, f);
	return err < 0 ? err : sweep_folder(w, LAYOUT_MANIFESTS, false, f);
}

/* Known now, and not when the first pack is to go there. */
static int
check_packs(const struct writer *w, struct fault *f)
{
	_cleanup_close_ int fd = io_openat(
		writer_dirfd(w), LAYOUT_PACKS, O_PATH | O_DIRECTORY, 0);

	return fd < 0 ? trouble_folder(f, fd, LAYOUT_PACKS) : 0;
}

/* Add the packs whose leaves have number from or a higher one. A pack that
 * cannot be read is left out: what it holds is stored again. */
static int
catch_up(struct writer *w, uint64_t from, struct fault *f)
{
	const struct mark mark = writer_mark(w);

	for (uint32_t i = 0; i < w->state.npacks; i++) {
		const struct writer_pack *p = state_pack(&w->state, i);
		_cleanup_(locality_table_freep) struct locality_table *t = NULL;

		if (!p || p->leaf < from || !state_open_to_hits(&w->state, i))
			continue;
		if (lookup_table(w, i, &t, true, NULL) == -ENOMEM)
			return fault_set(
				f, FAULT_NO_MEMORY, LAYOUT_INDEX, NULL);
		index_write(w->index, NULL);
	}
	index_write(w->index, &mark);
	return 0;
}

static int
open_caches(const char *dir, struct writer *w, struct fault *f)
{
	struct ledger *l = store_ledger_peek(w->st);
	uint64_t from;
	int err;

	w->locality = locality_new();
	if (!w->locality)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	err = index_open(dir, writer_dirfd(w), writer_store_peek(w), l,
		&w->index, &from, f);
	if (err == 0 && from < append_size(w->ledger))
		err = catch_up(w, from, f);
	if (err < 0)
		return err;
	if (statdb_open(dir, writer_dirfd(w), writer_store_peek(w), l,
		    &w->stat) < 0)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_STAT, NULL);
	return 0;
}

int
writer_open(const char *dir, const struct writer_wait *wait,
	struct writer **ret, struct fault *f)
{
	_cleanup_writer_ struct writer *w = mem_zalloc(sizeof(*w));
	int err;

	if (!w)
		return fault_set(f, FAULT_NO_MEMORY, dir, NULL);
	w->lockfd = -1;
	err = open_locked(dir, wait, w, f);
	if (err == 0)
		err = load_keys(w, f);
	if (err == 0)
		err = open_ledger(w, f);
	if (err == 0)
		err = sweep(w, f);
	if (err == 0)
		err = check_packs(w, f);
	if (err == 0)
		err = open_caches(dir, w, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&w);
	return 0;
}

void
writer_close(struct writer *w)
{
	if (!w)
		return;
	if (w->stat)
		writer_stat_flush(w);
	statdb_close(w->stat);
	index_close(w->index);
	if (w->stat)
		caches_held(writer_dirfd(w));
	locality_free(w->locality);
	append_close(w->ledger);
	state_free(&w->state);
	secmem_free(w->ref);
	secmem_free(w->keys);
	store_close(w->st);
	/* Last: with it goes the lock. */
	cleanup_close(&w->lockfd);
	mem_free(w);
}

const struct store_id *
writer_store_peek(const struct writer *w)
{
	return store_id_peek(w->st);
}

const struct vault_keys *
writer_keys_peek(const struct writer *w)
{
	return w->keys;
}

int
writer_dirfd(const struct writer *w)
{
	return store_dirfd(w->st);
}

const struct ref_keys *
writer_ref_keys(const struct writer *w, uint32_t compartment)
{
	for (uint32_t i = 0; i < w->keys->n; i++) {
		if (w->keys->compartment[i] == compartment)
			return &w->ref[i];
	}
	return NULL;
}

struct mark
writer_mark(const struct writer *w)
{
	struct mark mark = {.store = *store_id_peek(w->st)};

	mark.leaves = append_signed(w->ledger, &mark.last);
	return mark;
}

int
writer_alive(const struct writer *w, struct fault *f)
{
	if (w->dead)
		return fault_set(f, FAULT_IO, NULL,
			"an earlier write failed; nothing more is written");
	return 0;
}

struct writer_stats
writer_stats(const struct writer *w)
{
	return w->stats;
}

int
writer_epoch(struct writer *w, uint32_t compartment, uint32_t *number,
	uint8_t pk[32], struct fault *f)
{
	for (size_t i = 0; i < w->state.nepochs; i++) {
		const struct writer_epoch *e = &w->state.epochs[i];

		if (e->compartment == compartment) {
			*number = e->number;
			memcpy(pk, e->pk, sizeof(e->pk));
			return 0;
		}
	}
	return fault_set(f, FAULT_KEY_MISSING, LAYOUT_LEDGER,
		"compartment %u has no epoch", compartment);
}

int
writer_pull(struct writer *w, const char *source, uint32_t compartment,
	uint64_t *pull, struct fault *f)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	const struct leaf_pull in = {.compartment = compartment};
	struct writer_pull p = {.compartment = compartment};
	uint8_t clear[LEAF_PULL_SIZE];
	int err;

	if (!field_source_ok(span_str(source)))
		return fault_set(f, FAULT_SOURCE_NAME, source, NULL);
	for (size_t i = 0; i < w->state.npulls; i++) {
		if (w->state.pulls[i].compartment == compartment &&
			strcmp(w->state.pulls[i].source, source) == 0) {
			*pull = w->state.pulls[i].number;
			return 0;
		}
	}
	err = writer_alive(w, f);
	if (err < 0)
		return err;
	if (leaf_pull_body_encode(&body, span_str(source)) != 0)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	leaf_pull_encode(&in, clear);
	err = append_put(w->ledger, LEAF_PULL, span_of(clear, sizeof(clear)),
		buf_span(&body), &p.number, NULL, f);
	if (err == 0)
		err = append_sign(w->ledger, f);
	if (err < 0) {
		w->dead = true;
		return err;
	}
	strcpy(p.source, source);
	err = state_open_pull(&w->state, &p, f);
	if (err == 0)
		*pull = p.number;
	return err;
}

int
writer_stat_get(struct writer *w, struct span key, struct buf *out)
{
	return statdb_get(w->stat, key, out);
}

void
writer_stat_put(struct writer *w, struct span key, struct span value)
{
	statdb_put(w->stat, key, value);
}

void
writer_stat_flush(struct writer *w)
{
	const struct mark mark = writer_mark(w);

	statdb_flush(w->stat, &mark);
}
