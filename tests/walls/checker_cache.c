/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cache/ says is only a hint to the product; but of what this program
 * wrote, all is true: a row of the index is in the table that it names (I3),
 * a stat record names sealed packs only, and exactly those that an entry
 * needs. Opened without writing, for which the product has no use: hence
 * RocksDB here.
 */
#include "tests/walls/checker.h"

#include "format/statrec.h"
#include "keys/secmem.h"
#include "keys/stat.h"
#include "store/layout.h"
#include "util/mem.h"

#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>

#define STATE span_of("\0ledger", 7)

typedef void each_fn(void *ctx, struct span key, struct span value);

/* Call fn for each record. One that cannot be opened is replaced by the next
 * pull. */
static void
each(const struct checker *c, const char *name, each_fn *fn, void *ctx)
{
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_readoptions_t *read = rocksdb_readoptions_create();
	rocksdb_t *db;
	char path[4096], *why = NULL;

	rocksdb_options_set_wal_recovery_mode(
		options, rocksdb_point_in_time_recovery);
	/* Else it starts sixteen threads. */
	rocksdb_options_set_max_file_opening_threads(options, 1);
	snprintf(path, sizeof(path), "%s/%s", c->dir, name);
	db = rocksdb_open_for_read_only(options, path, 0, &why);
	if (db) {
		rocksdb_iterator_t *it = rocksdb_create_iterator(db, read);
		size_t k = 0, v = 0;

		for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it);
			rocksdb_iter_next(it)) {
			const char *key = rocksdb_iter_key(it, &k);
			const char *value = rocksdb_iter_value(it, &v);

			fn(ctx, span_of(key, k), span_of(value, v));
		}
		rocksdb_iter_get_error(it, &why);
		rocksdb_iter_destroy(it);
		rocksdb_close(db);
	}
	if (why)
		note("%s: %s", name, why);
	rocksdb_free(why);
	rocksdb_readoptions_destroy(read);
	rocksdb_options_destroy(options);
}

/* ---- cache/index ---- */

struct index_look {
	struct checker *c;
	struct ref *row;
	size_t n, cap;
	bool ours; /* of this ledger, as far as it goes */
};

/* Does a cache reflect the first leaves of this ledger? */
static bool
is_ours(const struct checker *c, struct span value)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct rcur r = rcur_init(value);
	struct store *st = c->s.store;
	struct store_id store;
	struct root last, have;
	struct leaf leaf;
	uint64_t leaves;

	rcur_bytes(&r, store.b, sizeof(store.b));
	leaves = rcur_u64(&r);
	rcur_bytes(&r, last.b, sizeof(last.b));
	return rcur_end(&r) == 0 && leaves > 0 &&
	       store_id_equal(&store, store_id_peek(st)) &&
	       leaves <= store_leaves(st) &&
	       store_leaf(st, leaves - 1, &b, &leaf, &have, NULL) == 0 &&
	       root_equal(&last, &have);
}

static void
on_index(void *ctx, struct span key, struct span value)
{
	struct index_look *l = ctx;
	struct rcur r = rcur_init(value);
	struct ref ref;

	if (span_eq(key, STATE)) {
		l->ours = is_ours(l->c, value);
		return;
	}
	ref.addr.ordinal = rcur_u32(&r);
	ref.addr.row = rcur_u32(&r);
	if (key.n != sizeof(ref.id.b) || rcur_end(&r) != 0) {
		violation("the index has a row that does not read");
		return;
	}
	memcpy(ref.id.b, key.p, key.n);
	if (l->n == l->cap) {
		l->cap = 2 * l->cap + 256;
		l->row = grown(l->row, l->cap, sizeof(*l->row));
	}
	l->row[l->n++] = ref;
}

static void
check_index(struct checker *c)
{
	struct index_look l = {.c = c};

	each(c, LAYOUT_INDEX, on_index, &l);
	if (!l.ours)
		note("the index is not of this ledger: the next pull makes a "
		     "new one");
	for (size_t i = 0; l.ours && i < l.n; i++) {
		c->index_rows++;
		if (!row_at(c, &l.row[i]))
			violation("the index names %" PRIu32 ".%" PRIu32
				  ", where no sealed pack has that object",
				l.row[i].addr.ordinal, l.row[i].addr.row);
	}
	mem_free(l.row);
}

/* ---- cache/stat ---- */

struct source {
	const struct checked_pull *pull;
	uint8_t hash[STATREC_HASH];
	struct stat_keys keys;
};

struct stat_look {
	struct checker *c;
	struct source *source;
	size_t n;
	struct buf plain;
	bool ours; /* as of the index; its key is the first */
};

/* A set of ordinals, one byte each. */
struct packset_bytes {
	uint8_t *has;
	uint32_t n;
};

static void
reach(struct stat_look *l, struct packset_bytes *met, const struct ref *ref,
	bool pages_only)
{
	const struct pack_row *row = row_at(l->c, ref);

	if (!row) {
		violation("a stat record needs %" PRIu32 ".%" PRIu32
			  ", where no sealed pack has that object",
			ref->addr.ordinal, ref->addr.row);
		return;
	}
	met->has[ref->addr.ordinal] = 1;
	if (pages_only && row->type == OBJECT_DIRPAGE)
		return;
	/* As deep as the tree of one file or one directory. */
	for (uint32_t i = 0; i < row->refs; i++) {
		const struct ref child = ref_of(l->c, ref->addr, i);

		reach(l, met, &child, pages_only);
	}
}

static void
check_ordinals(struct stat_look *l, struct packset_bytes *met,
	const struct statrec_ordinals *ordinals, const char *whose)
{
	for (uint32_t i = 0; i < ordinals->n; i++) {
		uint32_t ordinal = statrec_ordinal(ordinals, i);

		if (!pack_at(l->c, ordinal)) {
			violation("a stat record of %s names pack %" PRIu32
				  ", which is not sealed",
				whose, ordinal);
			continue;
		}
		if (!met->has[ordinal])
			violation("a stat record of %s names pack %" PRIu32
				  " without need",
				whose, ordinal);
		met->has[ordinal] = 0;
	}
	for (uint32_t i = 0; i < met->n; i++) {
		if (met->has[i])
			violation("a stat record of %s does not name pack "
				  "%" PRIu32 ", which it needs",
				whose, i);
	}
	memset(met->has, 0, met->n);
}

static void
check_entry(struct stat_look *l, struct packset_bytes *met,
	const struct statrec_entry *e, const char *whose)
{
	const struct pack_row *row;

	if (e->content != 0) {
		row = row_at(l->c, &e->content_ref);
		if (row && row->type != (enum object_type)e->content)
			violation("a stat record of %s names an object of "
				  "another type",
				whose);
		/* What a directory needs stands in its own record. */
		if (e->kind != FILE_DIRECTORY)
			reach(l, met, &e->content_ref, false);
		else if (!row)
			violation("a stat record of %s names a directory that "
				  "no sealed pack has",
				whose);
		else
			met->has[e->content_ref.addr.ordinal] = 1;
	}
	if (e->has_attrs)
		reach(l, met, &e->attrs_ref, false);
	check_ordinals(l, met, &e->packs, whose);
}

static void
check_record(struct stat_look *l, const struct statrec *rec, const char *whose)
{
	struct packset_bytes met = {.n = l->c->packs};
	struct statrec_entry e;
	struct rcur at;

	met.has = grown(NULL, (size_t)met.n + 1, 1);
	memset(met.has, 0, (size_t)met.n + 1);
	if (rec->first) {
		reach(l, &met, &rec->directory.ref, true);
		check_ordinals(l, &met, &rec->directory.packs, whose);
	}
	at = rcur_init(rec->entries);
	while (statrec_next(&at, &e))
		check_entry(l, &met, &e, whose);
	mem_free(met.has);
}

static void
on_stat(void *ctx, struct span key, struct span value)
{
	struct stat_look *l = ctx;
	const struct source *source = NULL;
	struct statrec rec;

	if (span_eq(key, STATE))
		l->ours = is_ours(l->c, value);
	if (!l->ours || span_eq(key, STATE))
		return;
	for (size_t i = 0; i < l->n && key.n > STATREC_HASH; i++) {
		if (key.p[0] == 1 &&
			memcmp(key.p + 1, l->source[i].hash, STATREC_HASH) == 0)
			source = &l->source[i];
	}
	if (!source) {
		violation("a stat record is of no source of the ledger");
		return;
	}
	if (stat_open(&l->plain, &source->keys, key, value) != 0 ||
		statrec_open(buf_span(&l->plain), &rec) != 0) {
		violation("a stat record of %s does not open",
			source->pull->source);
		return;
	}
	l->c->stat_records++;
	check_record(l, &rec, source->pull->source);
}

/* One for each name in each compartment. */
static void
add_source(struct stat_look *l, const struct checked_pull *p)
{
	const struct key *secret =
		vault_keys_secret(l->c->keys, p->compartment);
	struct source *s = &l->source[l->n];

	for (size_t i = 0; i < l->n; i++) {
		const struct checked_pull *other = l->source[i].pull;

		if (other->compartment == p->compartment &&
			strcmp(other->source, p->source) == 0)
			return;
	}
	if (!secret)
		return;
	s->pull = p;
	stat_keys_derive(&s->keys, secret, span_str(p->source));
	stat_source_hash(s->hash, &s->keys);
	l->n++;
}

static void
check_stat(struct checker *c)
{
	struct stat_look l = {.c = c};

	l.source = grown(NULL, c->pulls + 1, sizeof(*l.source));
	for (size_t i = 0; i < c->pulls; i++)
		add_source(&l, &c->pull[i]);
	each(c, LAYOUT_STAT, on_stat, &l);
	if (!l.ours)
		note("stat records are not of this ledger: the next pull makes "
		     "new ones");
	secmem_wipe(l.source, l.n * sizeof(*l.source));
	mem_free(l.source);
	buf_free(&l.plain);
}

void
check_caches(struct checker *c)
{
	check_index(c);
	/* What stat records are sealed with lies in keys/vault. */
	if (c->keys)
		check_stat(c);
}
