/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I6. A hit counts only when its pack is open to hits and the pack's own table,
 *     read through its slice tree and tag, shows the whole id.
 * I7. ... and only when the references stored with it equal, id and address,
 *     those that the caller resolved: the table carries their digest.
 *
 * The index is believed in nothing but which table to look at.
 */
#include "store/writer_internal.h"

#include "store/packs.h"

#include <errno.h>
#include <string.h>

int
lookup_table(struct writer *w, uint32_t ordinal, struct locality_table **ret,
	bool into_index, struct fault *f)
{
	_cleanup_(locality_table_freep) struct locality_table *t = NULL;
	_cleanup_pack_ struct packs_file *p = NULL;
	const struct writer_pack *known = state_pack(&w->state, ordinal);
	const struct ref_keys *keys =
		known ? writer_ref_keys(w, known->compartment) : NULL;
	struct locality_pack pack = {.ordinal = ordinal};
	int err;

	if (!keys)
		return -ENOKEY;
	err = packs_open(writer_dirfd(w), writer_store_peek(w), ordinal,
		&known->root, &p, f);
	if (err == 0)
		err = packs_unlock(p, keys, f);
	if (err < 0)
		return err;
	pack.compartment = known->compartment;
	pack.rows = packs_rows(p);
	t = locality_table_new(&pack);
	if (!t)
		return -ENOMEM;
	for (uint32_t i = 0; i < pack.rows; i++) {
		struct pack_row row;

		err = packs_row(p, i, &row, f);
		if (err < 0)
			return err;
		locality_table_put(t, i, &row);
		if (into_index)
			index_put(w->index, &row.id, (struct addr){ordinal, i});
	}
	*ret = take_ptr(&t);
	return 0;
}

/* Ask the index, and load the table that it points to. */
static int
load(struct writer *w, const struct locality_key *key)
{
	struct locality_table *t;
	struct addr at;
	int err;

	w->stats.index_gets++;
	if (index_get(w->index, &key->id, &at) != 0)
		return -ENOENT;
	if (!state_open_to_hits(&w->state, at.ordinal) ||
		locality_has(w->locality, at.ordinal))
		return -ENOENT;
	w->stats.table_loads++;
	err = lookup_table(w, at.ordinal, &t, false, NULL);
	if (err == -ENOMEM)
		return err;
	/* A damaged pack is for verify to report: its objects are stored
	 * again. */
	if (err < 0)
		return -ENOENT;
	locality_add(w->locality, t);
	return 0;
}

static bool
find(struct writer *w, const struct locality_key *key, struct addr *ret)
{
	struct addr at;

	if (!locality_find(w->locality, key, &at) ||
		!state_open_to_hits(&w->state, at.ordinal))
		return false;
	*ret = at;
	return true;
}

int
writer_lookup(struct writer *w, uint32_t compartment, const struct id *id,
	struct span rows, struct addr *ret)
{
	const struct ref_keys *keys = writer_ref_keys(w, compartment);
	struct locality_key key = {.compartment = compartment,
		.id = *id,
		.refs = (uint32_t)(rows.n / PACK_REF_SIZE)};
	int err;

	if (!keys)
		return -ENOKEY;
	if (rows.n % PACK_REF_SIZE != 0 ||
		rows.n / PACK_REF_SIZE > FORMAT_REFS_MAX)
		return -EINVAL;
	ref_digest(key.digest, keys, rows);
	if (!find(w, &key, ret)) {
		err = load(w, &key);
		if (err < 0 && err != -ENOENT)
			return err;
		if (err < 0 || !find(w, &key, ret)) {
			w->stats.misses++;
			return LOOKUP_MISS;
		}
	}
	w->stats.hits++;
	return LOOKUP_HIT;
}

/* Looked at once: a pull asks for each entry that it has in memory. */
static bool
is_gone(const struct writer *w, struct writer_pack *p)
{
	if (!p->seen)
		p->gone = packs_look(writer_dirfd(w), &p->root, NULL) < 0;
	p->seen = true;
	return p->gone;
}

bool
writer_open_to_hits(const struct writer *w, uint32_t ordinal)
{
	return state_open_to_hits(&w->state, ordinal) &&
	       !is_gone(w, state_pack(&w->state, ordinal));
}
