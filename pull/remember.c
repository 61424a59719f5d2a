/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/remember.h"

#include "keys/id.h"
#include "keys/secmem.h"
#include "util/le.h"
#include "util/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a range of a large directory ends (docs/format.md section 11). */
#define RANGE_MIN 512u
#define RANGE_SHIFT 16
#define RANGE_MASK 0x3ffu
#define RANGE_MAX 4096u

/* Records are written together, so many bytes at a time. */
#define COLLECT_MAX (4u * 1024u * 1024u)

/* Unchanged bytes are read again after so many days. */
#define REREAD_AFTER 20u
#define REREAD_SPREAD 21u
/* A day that lies further ahead was written under a wrong clock; one day is
 * what a midnight between two pulls and a small correction make. */
#define AHEAD_MAX 1u

/* A record that waits for packs to be sealed: there may be many. */
struct pending {
	struct pending *next;
	struct ordinals need;
	uint32_t nkey, nplain;
	uint8_t bytes[]; /* key, plain */
};

struct remember {
	struct writer *w;
	struct ingest *in;
	struct stat_keys *keys;
	uint8_t source[STATREC_HASH];
	uint32_t today;
	struct pending *pending;
	size_t waiting; /* bytes of those, about */
	struct buf scratch;
	struct buf way;	  /* the hashes from the root to the last place */
	size_t collected; /* bytes that the writer holds for us */
};

/* A range as the last pull left it. */
struct old_range {
	uint8_t key[STATREC_HASH];
	struct buf plain;
	struct statrec rec;
	struct statrec_entry *v;
};

struct new_entry {
	uint8_t hash[16];
	uint32_t at;
	uint32_t n;
};

/* A range as this pull finds it. */
struct new_range {
	uint8_t key[STATREC_HASH];
	uint8_t next[STATREC_HASH];
	struct buf entries;
	struct new_entry *v;
	uint32_t n, cap;
	uint32_t listed; /* entries, the skipped ones included */
	uint32_t same;	 /* entries with the references of old */
	struct buf listing;
	struct ordinals need;
};

struct memory {
	struct remember *r;
	struct statrec_key place;
	struct buf components;
	struct old_range old[2];     /* the one in use, and the next */
	struct new_range first, now; /* now: from the second range on */
	bool later;		     /* now is in use */
	bool cut;		     /* the next entry begins a range */
};

/* ---- places and keys ---- */

void
remember_place_root(struct remember_place *p, uint16_t path)
{
	*p = (struct remember_place){.path = path};
}

void
remember_place_below(struct remember_place *p, const struct remember *r,
	const struct remember_place *parent, struct span name)
{
	p->parent = parent;
	p->depth = parent->depth + 1;
	p->path = parent->path;
	stat_component_hash(p->hash, r->keys, parent->hash, name);
}

/*
 * The hashes from the root down to a place, in r->way. A hash covers all above
 * it: from where it is that of the last place on, so is the rest of the way.
 * Without that a deep tree would be gone up again from each directory.
 */
static int
find_way(struct remember *r, const struct remember_place *place)
{
	const struct remember_place *p;
	size_t at = (size_t)place->depth * STATREC_HASH, known = r->way.n;

	if (at > known && buf_reserve(&r->way, at - known) != 0)
		return -ENOMEM;
	r->way.n = at;
	for (p = place; p->parent != NULL; p = p->parent) {
		at -= STATREC_HASH;
		if (at < known &&
			memcmp(r->way.p + at, p->hash, STATREC_HASH) == 0)
			break;
		memcpy(r->way.p + at, p->hash, STATREC_HASH);
	}
	return 0;
}

static int
components(struct memory *m, const struct remember_place *place)
{
	struct span whole;
	uint8_t deep[STATREC_DEEP];

	if (find_way(m->r, place) != 0)
		return -ENOMEM;
	whole = buf_span(&m->r->way);
	m->place.path = place->path;
	memcpy(m->place.source, m->r->source, STATREC_HASH);
	m->place.deep = place->depth > STATREC_COMPONENTS_MAX;
	if (m->place.deep) {
		stat_deep_hash(deep, m->r->keys, whole);
		whole = span_of(deep, sizeof(deep));
	}
	if (buf_append(&m->components, whole.p, whole.n) != 0)
		return -ENOMEM;
	m->place.components = buf_span(&m->components);
	return 0;
}

static int
range_key(struct buf *out, const struct memory *m, const uint8_t range[8])
{
	struct statrec_key k = m->place;

	memcpy(k.range, range, sizeof(k.range));
	buf_clear(out);
	return statrec_key_encode(out, &k);
}

/* ---- the old record ---- */

static void
old_clear(struct old_range *o)
{
	buf_free(&o->plain);
	mem_free(o->v);
	memset(o, 0, sizeof(*o));
}

/* Load a range; one that is not there or is damaged is empty. */
static int
old_load(struct memory *m, struct old_range *o, const uint8_t range[8])
{
	_cleanup_buf_ struct buf key = BUF_INIT, sealed = BUF_INIT;
	struct rcur at;
	uint32_t i = 0;

	memcpy(o->key, range, sizeof(o->key));
	if (range_key(&key, m, range) != 0)
		return -ENOMEM;
	if (writer_stat_get(m->r->w, buf_span(&key), &sealed) != 0 ||
		stat_open(&o->plain, m->r->keys, buf_span(&key),
			buf_span(&sealed)) != 0 ||
		statrec_open(buf_span(&o->plain), &o->rec) != 0)
		return 0;
	o->v = mem_array(o->rec.n, sizeof(*o->v));
	if (o->v == NULL)
		return -ENOMEM;
	at = rcur_init(o->rec.entries);
	while (i < o->rec.n && statrec_next(&at, &o->v[i]))
		i++;
	return 0;
}

static bool
has_next(const struct old_range *o)
{
	static const uint8_t none[STATREC_HASH];

	return o->v != NULL && memcmp(o->rec.next, none, sizeof(none)) != 0;
}

/* The window moves on by one range. */
static int
old_shift(struct memory *m)
{
	old_clear(&m->old[0]);
	m->old[0] = m->old[1];
	memset(&m->old[1], 0, sizeof(m->old[1]));
	return has_next(&m->old[0])
		       ? old_load(m, &m->old[1], m->old[0].rec.next)
		       : 0;
}

static int
by_hash(const void *key, const void *entry)
{
	return memcmp(key, ((const struct statrec_entry *)entry)->hash, 16);
}

static const struct statrec_entry *
old_find(const struct old_range *o, const uint8_t hash[16])
{
	if (o->v == NULL)
		return NULL;
	return bsearch(hash, o->v, o->rec.n, sizeof(*o->v), by_hash);
}

static bool
all_open(const struct remember *r, const struct statrec_ordinals *packs)
{
	uint32_t i;

	for (i = 0; i < packs->n; i++)
		if (!writer_open_to_hits(r->w, statrec_ordinal(packs, i)))
			return false;
	return true;
}

const struct statrec_entry *
memory_find(struct memory *m, struct span name)
{
	const struct statrec_entry *e;
	uint8_t hash[16];

	if (m->old[0].v == NULL)
		return NULL;
	stat_name_hash(hash, m->r->keys, name);
	e = old_find(&m->old[0], hash);
	/* The first name found in the next range moves the window. When a whole
	 * range of names is gone the rest is read anew: rare, and safe. */
	if (e == NULL && old_find(&m->old[1], hash) != NULL) {
		if (old_shift(m) != 0)
			return NULL;
		e = old_find(&m->old[0], hash);
	}
	return e != NULL && all_open(m->r, &e->packs) ? e : NULL;
}

bool
memory_due(const struct memory *m, const struct statrec_entry *e)
{
	uint32_t today = m->r->today;
	uint32_t age = today > e->day ? today - e->day : 0;

	/* Nobody knows when it was really read. */
	if (e->day > today && e->day - today > AHEAD_MAX)
		return true;
	return age >= REREAD_AFTER + e->hash[0] % REREAD_SPREAD;
}

/* ---- the new record ---- */

static void
new_clear(struct new_range *n)
{
	buf_free(&n->entries);
	buf_free(&n->listing);
	mem_free(n->v);
	ordinals_free(&n->need);
	memset(n, 0, sizeof(*n));
}

static int
new_compare(const void *a, const void *b)
{
	return memcmp(((const struct new_entry *)a)->hash,
		((const struct new_entry *)b)->hash, 16);
}

/* Entries in the order of their hashes. */
static int
sorted_entries(struct new_range *n, struct buf *out)
{
	uint32_t i;

	if (n->n > 0)
		qsort(n->v, n->n, sizeof(*n->v), new_compare);
	for (i = 0; i < n->n; i++)
		if (buf_append(out, n->entries.p + n->v[i].at, n->v[i].n) != 0)
			return -ENOMEM;
	return 0;
}

static bool
need_sealed(const struct remember *r, const struct ordinals *need)
{
	size_t i;

	for (i = 0; i < need->n; i++)
		if (!ingest_sealed(r->in, need->v[i]))
			return false;
	return true;
}

static void
write_record(struct remember *r, struct span key, struct span plain)
{
	buf_clear(&r->scratch);
	if (stat_seal(&r->scratch, r->keys, key, plain) != 0)
		return;
	writer_stat_put(r->w, key, buf_span(&r->scratch));
	r->collected += key.n + r->scratch.n;
	if (r->collected < COLLECT_MAX)
		return;
	writer_stat_flush(r->w);
	r->collected = 0;
}

static size_t
pending_size(const struct pending *p)
{
	return sizeof(*p) + p->nkey + p->nplain + p->need.n * sizeof(uint32_t);
}

/* need is taken over. */
static int
pending_add(struct remember *r, struct span key, struct span plain,
	struct ordinals *need)
{
	struct pending *p = mem_alloc(sizeof(*p) + key.n + plain.n);

	if (p == NULL)
		return -ENOMEM;
	*p = (struct pending){.next = r->pending,
		.need = *need,
		.nkey = (uint32_t)key.n,
		.nplain = (uint32_t)plain.n};
	memset(need, 0, sizeof(*need));
	memcpy(p->bytes, key.p, key.n);
	memcpy(p->bytes + key.n, plain.p, plain.n);
	r->pending = p;
	r->waiting += pending_size(p);
	return 0;
}

/* The one that *at points to. */
static void
pending_remove(struct remember *r, struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	r->waiting -= pending_size(p);
	ordinals_free(&p->need);
	mem_free(p);
}

/* Is the record the same as the one there? */
static bool
same_as_old(
	const struct memory *m, const struct new_range *n, struct span plain)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (m->old[i].v != NULL &&
			memcmp(m->old[i].key, n->key, STATREC_HASH) == 0)
			return span_eq(buf_span(&m->old[i].plain), plain);
	return false;
}

/* A range is complete: write it, or let it wait for its packs. */
static int
new_close(struct memory *m, struct new_range *n,
	const struct statrec_directory *d)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	_cleanup_buf_ struct buf key = BUF_INIT, plain = BUF_INIT;
	struct statrec rec = {.n = n->n, .first = d != NULL};

	if (sorted_entries(n, &entries) != 0)
		return -ENOMEM;
	if (d != NULL)
		rec.directory = *d;
	memcpy(rec.next, n->next, sizeof(rec.next));
	stat_listing_hash(rec.digest, m->r->keys, buf_span(&n->listing));
	rec.entries = buf_span(&entries);
	if (range_key(&key, m, n->key) != 0 ||
		statrec_encode(&plain, &rec) != 0)
		return -ENOMEM;
	if (same_as_old(m, n, buf_span(&plain)))
		return 0;
	if (!need_sealed(m->r, &n->need))
		return pending_add(
			m->r, buf_span(&key), buf_span(&plain), &n->need);
	write_record(m->r, buf_span(&key), buf_span(&plain));
	return 0;
}

/* The range under way ends before this name: a range names the first name of
 * the one that follows, so a cut is carried out only here. */
static int
next_range(struct memory *m, struct span name)
{
	static const uint8_t root[STATREC_HASH];
	struct new_range *n = m->later ? &m->now : &m->first;
	int r = 0;

	stat_component_hash(n->next, m->r->keys, root, name);
	if (m->later) {
		uint8_t key[STATREC_HASH];

		memcpy(key, n->next, sizeof(key));
		r = new_close(m, n, NULL);
		new_clear(n);
		memcpy(n->key, key, sizeof(key));
	} else {
		memcpy(m->now.key, n->next, STATREC_HASH);
		m->later = true;
	}
	return r;
}

static int
range_for(struct memory *m, struct span name, struct new_range **ret)
{
	struct new_range *n;
	uint64_t h;

	if (m->cut && next_range(m, name) != 0)
		return -ENOMEM;
	n = m->later ? &m->now : &m->first;
	n->listed++;
	h = id_page_hash(ingest_id_keys(m->r->in), name);
	m->cut = n->listed >= RANGE_MAX ||
		 (n->listed >= RANGE_MIN &&
			 ((h >> RANGE_SHIFT) & RANGE_MASK) == 0);
	*ret = n;
	return 0;
}

static bool
same_references(const struct statrec_entry *a, const struct statrec_entry *b)
{
	return a->kind == b->kind && a->content == b->content &&
	       a->flags == b->flags && a->has_attrs == b->has_attrs &&
	       (a->content == 0 ||
		       ref_equal(&a->content_ref, &b->content_ref)) &&
	       (!a->has_attrs || ref_equal(&a->attrs_ref, &b->attrs_ref));
}

static int
add_index(struct new_range *n, const uint8_t hash[16], size_t at)
{
	struct new_entry *bigger;

	if (n->n == n->cap) {
		bigger = mem_realloc_array(
			n->v, 2 * n->cap + 16, sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		n->v = bigger;
		n->cap = 2 * n->cap + 16;
	}
	memcpy(n->v[n->n].hash, hash, 16);
	n->v[n->n].at = (uint32_t)at;
	n->v[n->n].n = (uint32_t)(n->entries.n - at);
	n->n++;
	return 0;
}

int
memory_add(struct memory *m, struct span name, const struct statrec_entry *e,
	const struct ordinals *packs, struct span listing)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;
	struct statrec_entry full = *e;
	const struct statrec_entry *old;
	struct new_range *n;
	size_t at, i;

	if (range_for(m, name, &n) != 0 ||
		buf_append(&n->listing, listing.p, listing.n) != 0 ||
		ordinals_encode(packs, &rows) != 0)
		return -ENOMEM;
	stat_name_hash(full.hash, m->r->keys, name);
	full.packs.bytes = buf_span(&rows);
	full.packs.n = (uint32_t)packs->n;
	old = old_find(&m->old[0], full.hash);
	if (old != NULL && same_references(old, &full))
		n->same++;
	for (i = 0; i < packs->n; i++)
		if (!ingest_sealed(m->r->in, packs->v[i]) &&
			ordinals_add(&n->need, packs->v[i]) != 0)
			return -ENOMEM;
	at = n->entries.n;
	if (statrec_entry_encode(&n->entries, &full) != 0)
		return -ENOMEM;
	return add_index(n, full.hash, at);
}

int
memory_skip(struct memory *m, struct span name, struct span listing)
{
	struct new_range *n;

	if (range_for(m, name, &n) != 0)
		return -ENOMEM;
	return buf_append(&n->listing, listing.p, listing.n);
}

const struct statrec_directory *
memory_unchanged(struct memory *m)
{
	const struct old_range *o = &m->old[0];
	const struct new_range *n = &m->first;
	uint8_t digest[16];

	if (m->later || o->v == NULL || !o->rec.first || has_next(o) ||
		n->n != n->listed || n->same != n->n || n->n != o->rec.n)
		return NULL;
	stat_listing_hash(digest, m->r->keys, buf_span(&n->listing));
	if (memcmp(digest, o->rec.digest, sizeof(digest)) != 0 ||
		!all_open(m->r, &o->rec.directory.packs))
		return NULL;
	return &o->rec.directory;
}

/* The packs of the directory's own pages are needed too. */
static int
need_pages(struct memory *m, const struct statrec_directory *d)
{
	uint32_t i, ordinal;

	for (i = 0; i < d->packs.n; i++) {
		ordinal = statrec_ordinal(&d->packs, i);
		if (!ingest_sealed(m->r->in, ordinal) &&
			ordinals_add(&m->first.need, ordinal) != 0)
			return -ENOMEM;
	}
	return 0;
}

int
memory_end(struct memory *m, const struct statrec_directory *d)
{
	int r = need_pages(m, d);

	if (r == 0 && m->later)
		r = new_close(m, &m->now, NULL);
	if (r == 0)
		r = new_close(m, &m->first, d);
	memory_free(m);
	return r;
}

int
memory_open(struct remember *r, const struct remember_place *place,
	struct memory **ret)
{
	struct memory *m = mem_zalloc(sizeof(*m));
	static const uint8_t first[STATREC_HASH];
	int err;

	if (m == NULL)
		return -ENOMEM;
	m->r = r;
	err = components(m, place);
	if (err == 0)
		err = old_load(m, &m->old[0], first);
	if (err == 0 && has_next(&m->old[0]))
		err = old_load(m, &m->old[1], m->old[0].rec.next);
	if (err != 0)
		memory_free(m);
	else
		*ret = m;
	return err;
}

void
memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	old_clear(&m->old[0]);
	old_clear(&m->old[1]);
	new_clear(&m->first);
	new_clear(&m->now);
	buf_free(&m->components);
	mem_free(m);
}

/* ---- life ---- */

void
remember_sealed(struct remember *r)
{
	struct pending **at = &r->pending, *p;

	while ((p = *at) != NULL) {
		if (!need_sealed(r, &p->need)) {
			at = &p->next;
			continue;
		}
		write_record(r, span_of(p->bytes, p->nkey),
			span_of(p->bytes + p->nkey, p->nplain));
		pending_remove(r, at);
	}
}

bool
remember_full(const struct remember *r)
{
	return r->waiting > REMEMBER_WAIT_MAX;
}

int
remember_open(const struct remember_opts *o, struct remember **ret)
{
	const struct key *secret;
	struct remember *r = mem_zalloc(sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	secret = vault_keys_secret(writer_keys_peek(o->writer), o->compartment);
	r->keys = secmem_alloc(sizeof(*r->keys));
	if (secret == NULL || r->keys == NULL) {
		remember_close(r);
		return -ENOMEM;
	}
	r->w = o->writer;
	r->in = o->ingest;
	r->today = o->today;
	stat_keys_derive(r->keys, secret, span_str(o->source));
	stat_source_hash(r->source, r->keys);
	*ret = r;
	return 0;
}

void
remember_close(struct remember *r)
{
	if (r == NULL)
		return;
	while (r->pending != NULL)
		pending_remove(r, &r->pending);
	secmem_free(r->keys);
	buf_free(&r->scratch);
	buf_free(&r->way);
	mem_free(r);
}

const struct stat_keys *
remember_keys(const struct remember *r)
{
	return r->keys;
}
