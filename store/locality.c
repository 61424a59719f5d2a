/* SPDX-License-Identifier: Apache-2.0 */
#include "store/locality.h"

#include "util/le.h"
#include "util/mem.h"

#include <assert.h>
#include <string.h>

/* What of a row tells whether it is the object: 56 bytes, and 8 of slots. */
struct entry {
	struct id id;
	uint8_t digest[16];
	uint32_t refs;
	uint32_t row;
};

struct locality_table {
	struct locality_pack pack;
	uint32_t n;
	uint32_t mask; /* slots less 1; open addressing, step 1 */
	size_t bytes;
	uint32_t *slots; /* entry plus 1, 0 if free */
	struct entry *entries;
};

struct locality {
	struct locality_table *v[LOCALITY_TABLES]; /* newest first */
	size_t n;
	size_t bytes;
};

struct locality_table *
locality_table_new(const struct locality_pack *pack)
{
	struct locality_table *t = mem_zalloc(sizeof(*t));
	uint32_t slots = 16;

	if (!t)
		return NULL;
	assert(pack->rows <= FORMAT_PACK_ROWS_MAX);
	while (slots < 2 * pack->rows)
		slots *= 2;
	t->pack = *pack;
	t->mask = slots - 1;
	t->slots = mem_array(slots, sizeof(*t->slots));
	t->entries = mem_array(pack->rows, sizeof(*t->entries));
	t->bytes = sizeof(*t) + slots * sizeof(*t->slots) +
		   pack->rows * sizeof(*t->entries);
	if (!t->slots || !t->entries) {
		locality_table_free(t);
		return NULL;
	}
	return t;
}

void
locality_table_free(struct locality_table *t)
{
	if (!t)
		return;
	mem_free(t->slots);
	mem_free(t->entries);
	mem_free(t);
}

/* Ids are the output of a keyed hash: their first bytes spread well. */
static uint32_t
first_slot(const struct locality_table *t, const struct id *id)
{
	return le32_get(id->b) & t->mask;
}

void
locality_table_put(
	struct locality_table *t, uint32_t row, const struct pack_row *r)
{
	uint32_t at = first_slot(t, &r->id);
	struct entry *e = &t->entries[t->n];

	assert(t->n < t->pack.rows && row < t->pack.rows);
	e->id = r->id;
	memcpy(e->digest, r->digest, sizeof(e->digest));
	e->refs = r->refs;
	e->row = row;
	while (t->slots[at] != 0)
		at = (at + 1) & t->mask;
	t->slots[at] = ++t->n;
}

static bool
table_find(const struct locality_table *t, const struct locality_key *key,
	uint32_t *ret)
{
	uint32_t at = first_slot(t, &key->id);

	/* An id may stand here twice, with other references. */
	for (; t->slots[at] != 0; at = (at + 1) & t->mask) {
		const struct entry *e = &t->entries[t->slots[at] - 1];

		if (id_equal(&e->id, &key->id) && e->refs == key->refs &&
			memcmp(e->digest, key->digest, sizeof(e->digest)) ==
				0) {
			*ret = e->row;
			return true;
		}
	}
	return false;
}

struct locality *
locality_new(void)
{
	return mem_zalloc(sizeof(struct locality));
}

static void
drop(struct locality *l, size_t i)
{
	l->bytes -= l->v[i]->bytes;
	locality_table_free(l->v[i]);
	l->n--;
	memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(l->v[0]));
}

void
locality_free(struct locality *l)
{
	if (!l)
		return;
	while (l->n > 0)
		drop(l, l->n - 1);
	mem_free(l);
}

void
locality_add(struct locality *l, struct locality_table *t)
{
	locality_remove(l, t->pack.ordinal);
	while (l->n > 0 && (l->n == LOCALITY_TABLES ||
				   l->bytes + t->bytes > LOCALITY_BYTES))
		drop(l, l->n - 1);
	memmove(&l->v[1], &l->v[0], l->n * sizeof(l->v[0]));
	l->v[0] = t;
	l->n++;
	l->bytes += t->bytes;
}

void
locality_remove(struct locality *l, uint32_t ordinal)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i]->pack.ordinal == ordinal) {
			drop(l, i);
			return;
		}
	}
}

bool
locality_has(const struct locality *l, uint32_t ordinal)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i]->pack.ordinal == ordinal)
			return true;
	}
	return false;
}

bool
locality_find(
	struct locality *l, const struct locality_key *key, struct addr *ret)
{
	for (size_t i = 0; i < l->n; i++) {
		struct locality_table *t = l->v[i];

		if (t->pack.compartment != key->compartment ||
			!table_find(t, key, &ret->row))
			continue;
		ret->ordinal = t->pack.ordinal;
		memmove(&l->v[1], &l->v[0], i * sizeof(l->v[0]));
		l->v[0] = t;
		return true;
	}
	return false;
}
