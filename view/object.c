/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an address to an object that may be believed:
 *
 *  1 The manifest, which the ledger names, gives the pack's root.
 *  2 The pack's table, which hashes to that root, gives place, type and id.
 *  3 The block opens under the pack's key.
 *  4 The id over type, referenced ids and bytes is the one in the table, and
 *    that is the one by which the object was asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "keys/id.h"
#include "util/mem.h"
#include "view/object_internal.h"
#include "view/packset.h"
#include "view/view_internal.h"

/* References that are decoded on the stack: 2.5 KiB. */
#define REFS_SMALL 64U

static void
name_of(char dst[48], struct addr addr)
{
	snprintf(dst, 48, "pack %" PRIu32 ", object %" PRIu32, addr.ordinal,
		addr.row);
}

int
view_object_bad(const struct ref *ref, struct fault *f, const char *what)
{
	char name[48];

	name_of(name, ref->addr);
	return fault_set(f, FAULT_OBJECT_DAMAGED, name, "%s", what);
}

struct ref
view_object_ref(const struct view_object *o, uint32_t i)
{
	struct ref ref = {{{0}}, {0, 0}};

	/* Rows were decoded once when the id was checked. */
	(void)!pack_ref_decode(
		span_of(o->rows.p + (size_t)i * PACK_REF_SIZE, PACK_REF_SIZE),
		&ref);
	return ref;
}

void
view_object_put(struct view_object *o)
{
	if (o->block)
		cache_put(o->view->cache, o->block);
	o->block = NULL;
}

/* ---- blocks ---- */

struct scratch *
view_scratch_take(struct view *v)
{
	struct scratch *s;

	pthread_mutex_lock(&v->lock);
	s = v->scratch;
	if (s)
		v->scratch = s->next;
	pthread_mutex_unlock(&v->lock);
	return s ? s : mem_zalloc(sizeof(*s));
}

void
view_scratch_give(struct view *v, struct scratch *s)
{
	pthread_mutex_lock(&v->lock);
	s->next = v->scratch;
	v->scratch = s;
	pthread_mutex_unlock(&v->lock);
}

struct loading {
	struct view *view;
	struct packset_pack *pack;
	struct pack_block row;
};

static int
open_block(struct loading *l, struct cache_key key, struct scratch *s,
	uint8_t *plain, struct fault *f)
{
	char name[48];
	int err;

	buf_clear(&s->sealed);
	err = packs_block_bytes(l->pack->file, &l->row, &s->sealed, f);
	if (err < 0)
		return err;
	err = block_open(plain, l->pack->keys, key.block, l->row.codec,
		l->row.plain, buf_span(&s->sealed), &s->packed);
	snprintf(name, sizeof(name), "pack %" PRIu32, key.ordinal);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, name, NULL);
	if (err < 0)
		return fault_set(f, FAULT_PACK_DAMAGED, name,
			"block %" PRIu32 " does not open", key.block);
	return 0;
}

/* The loader of the cache. */
static int
load_block(void *ctx, struct cache_key key, struct cache_fill *fill,
	struct fault *f)
{
	struct loading *l = ctx;
	_cleanup_buf_ struct buf refs = BUF_INIT;
	_cleanup_free_ uint8_t *plain = NULL;
	struct scratch *s;
	int err;

	plain = mem_alloc(l->row.plain);
	s = view_scratch_take(l->view);
	if (!plain || !s) {
		mem_free(s);
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	}
	err = open_block(l, key, s, plain, f);
	view_scratch_give(l->view, s);
	if (err == 0 && l->row.refs_sealed > 0)
		err = packs_block_refs(
			l->pack->file, key.block, &l->row, &refs, f);
	if (err < 0)
		return err;
	fill->plain = take_ptr(&plain);
	fill->plain_len = l->row.plain;
	fill->refs_len = refs.n;
	fill->refs = take_ptr(&refs.p);
	return 0;
}

/* ---- objects ---- */

static int
check_id(const struct packset_pack *pack, const struct pack_row *row,
	const struct view_object *o, const char *name, struct fault *f)
{
	_cleanup_free_ struct ref *many = NULL;
	struct ref few[REFS_SMALL], *refs = few;
	struct id id;

	if (o->refs > REFS_SMALL) {
		refs = many = mem_array(o->refs, sizeof(*many));
		if (!many)
			return fault_set(f, FAULT_NO_MEMORY, name, NULL);
	}
	for (uint32_t i = 0; i < o->refs; i++) {
		if (pack_ref_decode(
			    span_of(o->rows.p + (size_t)i * PACK_REF_SIZE,
				    PACK_REF_SIZE),
			    &refs[i]) != 0)
			return fault_set(f, FAULT_OBJECT_DAMAGED, name,
				"reference %" PRIu32 " does not read", i);
	}
	id_compute(&id, pack->ids, row->type, refs, o->refs, o->content);
	if (!id_equal(&id, &row->id))
		return fault_set(f, FAULT_OBJECT_DAMAGED, name,
			"its bytes do not give its id");
	return 0;
}

/* Cut the object out of its held block, and check it once. */
static int
cut_object(const struct packset_pack *pack, const struct pack_row *row,
	struct addr addr, struct view_object *o, struct fault *f)
{
	atomic_uint_least32_t *seen = &o->block->seen[addr.row % CACHE_SEEN];
	char name[48];
	int err;

	o->type = row->type;
	o->refs = row->refs;
	o->content = span_of(o->block->plain.p + row->offset, row->length);
	o->rows = span_of(NULL, 0);
	if (row->refs > 0)
		o->rows = span_of(o->block->refs.p + (size_t)row->first_ref *
							     PACK_REF_SIZE,
			(size_t)row->refs * PACK_REF_SIZE);
	if (atomic_load_explicit(seen, memory_order_relaxed) == addr.row + 1)
		return 0;
	name_of(name, addr);
	err = check_id(pack, row, o, name, f);
	if (err == 0)
		atomic_store_explicit(seen, addr.row + 1, memory_order_relaxed);
	return err;
}

/* Row and block map agree. Each was decoded, and is thus within the limits of
 * section 1.1. */
static int
find_row(struct packset_pack *pack, struct addr addr, struct pack_row *row,
	struct pack_block *block, struct fault *f)
{
	char name[48];
	int err;

	err = packs_row(pack->file, addr.row, row, f);
	if (err == -ERANGE)
		return fault_code_errno(FAULT_OBJECT_MISSING);
	if (err == 0)
		err = packs_block(pack->file, row->block, block, f);
	if (err < 0)
		return err == -ERANGE ? -EBADMSG : err;
	name_of(name, addr);
	if (pack_row_within(row, block) != 0)
		return fault_set(f, FAULT_OBJECT_DAMAGED, name,
			"its row in the table is not possible");
	return 0;
}

static int
check_row(const struct pack_row *row, const struct ref *ref, struct fault *f)
{
	if (!id_equal(&row->id, &ref->id))
		return view_object_bad(
			ref, f, "another object lies at this address");
	return 0;
}

static int
hold_object(struct view_snap *s, struct packset_pack *pack, struct addr addr,
	const struct ref *ref, struct view_object *ret, struct id *ret_id,
	struct fault *f)
{
	struct loading l = {.view = s->view, .pack = pack};
	struct view_object o = VIEW_OBJECT_NONE;
	struct pack_row row;
	int err;

	err = find_row(pack, addr, &row, &l.row, f);
	if (err == 0 && ref)
		err = check_row(&row, ref, f);
	if (err < 0)
		return err;
	o.view = s->view;
	err = cache_get(s->view->cache,
		(struct cache_key){addr.ordinal, row.block}, load_block, &l,
		&o.block, f);
	if (err < 0)
		return err;
	err = cut_object(pack, &row, addr, &o, f);
	if (err < 0) {
		view_object_put(&o);
		return err;
	}
	if (ret_id)
		*ret_id = row.id;
	*ret = o;
	return 0;
}

static int
hold_pack(struct view_snap *s, uint32_t ordinal, struct packset_pack **ret,
	struct fault *f)
{
	struct packset_want want = {ordinal, s->compartment, {{0}}};
	char name[48];

	if (manifests_root(&s->manifest, ordinal, &want.root) != 0) {
		snprintf(name, sizeof(name), "pack %" PRIu32, ordinal);
		return fault_set(f, FAULT_OBJECT_MISSING, name,
			"the snapshot's manifest does not list it");
	}
	return packset_get(s->view->packs, &want, ret, f);
}

static void
let_go(struct view_snap *s, struct packset_pack *pack, int err)
{
	if (err < 0)
		packset_fail(s->view->packs, pack);
	else
		packset_put(s->view->packs, pack);
}

/*
 * The one way to an object. An object that cannot be read at its address may
 * be taken from another pack of the manifest whose table shows its id: that
 * search belongs here, behind a failure with ref known.
 */
static int
get_object(struct view_snap *s, struct addr addr, const struct ref *ref,
	struct view_object *ret, struct id *ret_id, struct fault *f)
{
	struct packset_pack *pack;
	int err;

	err = hold_pack(s, addr.ordinal, &pack, f);
	if (err < 0)
		return err;
	err = hold_object(s, pack, addr, ref, ret, ret_id, f);
	let_go(s, pack, err);
	return err;
}

int
view_object(struct view_snap *s, const struct ref *ref, unsigned int types,
	struct view_object *ret, struct fault *f)
{
	struct view_object o;
	int err;

	err = get_object(s, ref->addr, ref, &o, NULL, f);
	if (err < 0)
		return err;
	if (!(types & VIEW_TYPE(o.type))) {
		view_object_put(&o);
		return view_object_bad(
			ref, f, "it is not of the type that is called for");
	}
	*ret = o;
	return 0;
}

int
view_object_at(struct view_snap *s, struct addr addr, struct view_object *ret,
	struct id *ret_id, struct fault *f)
{
	return get_object(s, addr, NULL, ret, ret_id, f);
}

int
view_ref_stands(
	struct view_snap *s, const struct ref *ref, bool *leaf, struct fault *f)
{
	struct packset_pack *pack;
	struct pack_block block;
	struct pack_row row;
	int err;

	err = hold_pack(s, ref->addr.ordinal, &pack, f);
	if (err < 0)
		return err;
	err = find_row(pack, ref->addr, &row, &block, f);
	if (err == 0)
		err = check_row(&row, ref, f);
	let_go(s, pack, err);
	if (err == 0)
		*leaf = row.refs == 0;
	return err;
}

int
view_pack_rows(
	struct view_snap *s, uint32_t ordinal, uint32_t *ret, struct fault *f)
{
	struct packset_pack *pack;
	int err;

	err = hold_pack(s, ordinal, &pack, f);
	if (err < 0)
		return err;
	*ret = packs_rows(pack->file);
	packset_put(s->view->packs, pack);
	return 0;
}
