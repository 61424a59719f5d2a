/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every sealed pack, listed or not: it opens, and each reference in it leads to
 * an object in a pack that was sealed before it or is itself, so that no crash
 * leaves a reference into nothing.
 */
#include "tests/walls/checker.h"

#include "util/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct ref
stored_ref(struct span refs, uint32_t i)
{
	struct ref ref = {{{0}}, {0, 0}};

	/* One that does not read leads nowhere, which is then told. */
	(void)!pack_ref_decode(
		span_of(refs.p + (size_t)i * PACK_REF_SIZE, PACK_REF_SIZE),
		&ref);
	return ref;
}

struct ref
ref_of(const struct checker *c, struct addr addr, uint32_t i)
{
	return stored_ref(c->pack[addr.ordinal].refs[addr.row], i);
}

const struct pack_row *
row_at(const struct checker *c, const struct ref *ref)
{
	const struct checked_pack *p = pack_at(c, ref->addr.ordinal);

	if (!p || ref->addr.row >= p->rows ||
		!id_equal(&p->row[ref->addr.row].id, &ref->id))
		return NULL;
	return &p->row[ref->addr.row];
}

static int
load_blocks(struct checked_pack *p, struct pack_block *block, struct fault *f)
{
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < p->blocks; i++) {
		err = packs_block(p->file, i, &block[i], f);
		if (err == 0)
			err = packs_block_refs(
				p->file, i, &block[i], &p->block_refs[i], f);
	}
	return err;
}

static int
load_row(struct checked_pack *p, const struct pack_block *block, uint32_t i,
	struct fault *f)
{
	struct pack_row *row = &p->row[i];
	int err = packs_row(p->file, i, row, f);

	if (err != 0)
		return err;
	if (pack_row_within(row, &block[row->block]) != 0)
		return fault_set(f, FAULT_PACK_DAMAGED, NULL,
			"row %" PRIu32 " is not within its block", i);
	if (row->refs > 0)
		p->refs[i] =
			span_of(p->block_refs[row->block].p +
					(size_t)row->first_ref * PACK_REF_SIZE,
				(size_t)row->refs * PACK_REF_SIZE);
	return 0;
}

static int
load(struct checker *c, struct checked_pack *p, uint32_t ordinal,
	struct fault *f)
{
	const struct ref_keys *keys =
		unlock_ref_keys(c->s.access, p->compartment);
	_cleanup_free_ struct pack_block *block = NULL;
	uint32_t rows;
	int err;

	if (!keys)
		return fault_set(f, FAULT_KEY_MISSING, NULL, NULL);
	err = packs_open(store_dirfd(c->s.store), store_id_peek(c->s.store),
		ordinal, &p->root, &p->file, f);
	if (err == 0)
		err = packs_unlock(p->file, keys, f);
	if (err != 0)
		return err;
	rows = packs_rows(p->file);
	p->blocks = packs_blocks(p->file);
	p->row = grown(NULL, rows, sizeof(*p->row));
	p->refs = grown(NULL, rows, sizeof(*p->refs));
	memset(p->refs, 0, rows * sizeof(*p->refs));
	block = grown(NULL, p->blocks, sizeof(*block));
	p->block_refs = grown(NULL, p->blocks, sizeof(*p->block_refs));
	memset(p->block_refs, 0, p->blocks * sizeof(*p->block_refs));
	err = load_blocks(p, block, f);
	for (; err == 0 && p->rows < rows; p->rows++)
		err = load_row(p, block, p->rows, f);
	return err;
}

static void
check_refs(const struct checker *c, uint32_t ordinal)
{
	const struct checked_pack *p = pack_at(c, ordinal);

	for (uint32_t i = 0; p && i < p->rows; i++) {
		for (uint32_t k = 0; k < p->row[i].refs; k++) {
			const struct ref ref = stored_ref(p->refs[i], k);

			if (!row_at(c, &ref) ||
				pack_at(c, ref.addr.ordinal)->leaf > p->leaf)
				violation(
					"object %" PRIu32 ".%" PRIu32
					": its reference %" PRIu32
					" to %" PRIu32 ".%" PRIu32
					" leads to no object sealed before it",
					ordinal, i, k, ref.addr.ordinal,
					ref.addr.row);
		}
	}
}

void
check_packs(struct checker *c)
{
	for (uint32_t i = 0; i < c->packs; i++) {
		struct fault f = {.code = FAULT_NONE};
		char what[32];

		snprintf(what, sizeof(what), "pack %" PRIu32, i);
		if (c->pack[i].sealed && load(c, &c->pack[i], i, &f) != 0)
			violation_fault(what, &f);
	}
	for (uint32_t i = 0; i < c->packs; i++)
		check_refs(c, i);
}
