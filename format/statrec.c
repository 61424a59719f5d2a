/* SPDX-License-Identifier: Apache-2.0 */
#include "format/statrec.h"

#include <assert.h>

#include "format/directory.h"
#include "format/field.h"

#define KEY_STATREC 1U
#define FLAG_FIRST 1 /* the first range of its directory */
#define HEAD_SIZE (2U + 2U + 4U + STATREC_HASH + 16U)
/* Without the ordinals. */
#define DIRECTORY_SIZE (FIELD_REF_SIZE + 4U + 8U + 8U + 4U)
#define ENTRY_MAX                                                              \
	(16U + 4U + 8U + 24U + 16U + 4U + 4U + 2U * FIELD_REF_SIZE + 4U)
/* Of names of one inode the manifest tells. */
#define ENTRY_FLAGS                                                            \
	(DIRENT_ATTRS | DIRENT_CHANGED | DIRENT_UNREAD | DIRENT_NOT_ENTERED)

static bool
components_ok(const struct statrec_key *key)
{
	if (key->deep)
		return key->components.n == STATREC_DEEP;
	return key->components.n % STATREC_HASH == 0 &&
	       key->components.n / STATREC_HASH <= STATREC_COMPONENTS_MAX;
}

int
statrec_key_encode(struct buf *b, const struct statrec_key *key)
{
	struct wcur w;
	int err;

	if (!components_ok(key))
		return -EINVAL;
	err = field_open(b, STATREC_KEY_MAX, &w);
	if (err)
		return err;
	wcur_u8(&w, KEY_STATREC);
	wcur_bytes(&w, key->source, STATREC_HASH);
	/* Big-endian, so that a source's paths lie in order. */
	wcur_u8(&w, (uint8_t)(key->path >> 8));
	wcur_u8(&w, (uint8_t)(key->path & 0xff));
	wcur_bytes(&w, key->components.p, key->components.n);
	wcur_bytes(&w, key->range, STATREC_HASH);
	field_commit(b, &w);
	return 0;
}

uint32_t
statrec_ordinal(const struct statrec_ordinals *ordinals, uint32_t i)
{
	assert(i < ordinals->n);
	return le32_get(ordinals->bytes.p + (size_t)i * 4);
}

static bool
ordinals_ok(const struct statrec_ordinals *ordinals)
{
	uint32_t last = 0;

	if (ordinals->n > FORMAT_PACKS_MAX ||
		ordinals->bytes.n != (size_t)ordinals->n * 4)
		return false;
	for (uint32_t i = 0; i < ordinals->n; i++) {
		uint32_t ordinal = statrec_ordinal(ordinals, i);

		if (ordinal <= last)
			return false;
		last = ordinal;
	}
	return true;
}

/* Unjudged but for their length. */
static void
ordinals_get(struct rcur *r, struct statrec_ordinals *ret)
{
	ret->n = rcur_u32(r);
	if (ret->n > FORMAT_PACKS_MAX)
		rcur_fail(r);
	ret->bytes = rcur_span(r, rcur_ok(r) ? (size_t)ret->n * 4 : 0);
}

static void
ordinals_put(struct wcur *w, const struct statrec_ordinals *ordinals)
{
	wcur_u32(w, ordinals->n);
	wcur_bytes(w, ordinals->bytes.p, ordinals->bytes.n);
}

static void
entry_get(struct rcur *r, struct statrec_entry *e)
{
	uint8_t attrs;

	*e = (struct statrec_entry){0};
	rcur_bytes(r, e->hash, sizeof(e->hash));
	e->kind = (enum file_kind)rcur_u8(r);
	e->content = rcur_u8(r);
	e->flags = rcur_u16(r);
	e->size = rcur_u64(r);
	field_get_when(r, &e->mtime);
	field_get_when(r, &e->ctime);
	e->inode = rcur_u64(r);
	e->device = rcur_u64(r);
	e->day = rcur_u32(r);
	attrs = rcur_u8(r);
	rcur_zero(r, 3);
	if (attrs > 1)
		rcur_fail(r);
	e->has_attrs = attrs == 1;
	if (e->content != 0)
		field_get_ref(r, &e->content_ref);
	if (e->has_attrs)
		field_get_ref(r, &e->attrs_ref);
	ordinals_get(r, &e->packs);
}

static bool
entry_ok(const struct statrec_entry *e)
{
	if (e->kind < FILE_REGULAR || e->kind > FILE_BLOCK)
		return false;
	if (e->has_attrs != ((e->flags & DIRENT_ATTRS) != 0))
		return false;
	return field_content_ok(e->kind, e->content) &&
	       (e->flags & ~ENTRY_FLAGS) == 0 && field_when_ok(e->mtime) &&
	       field_when_ok(e->ctime) && ordinals_ok(&e->packs) &&
	       (e->content == 0 || field_addr_ok(e->content_ref.addr)) &&
	       (!e->has_attrs || field_addr_ok(e->attrs_ref.addr));
}

int
statrec_entry_encode(struct buf *b, const struct statrec_entry *entry)
{
	struct wcur w;
	int err;

	if (!entry_ok(entry))
		return -EINVAL;
	err = field_open(b, ENTRY_MAX + entry->packs.bytes.n, &w);
	if (err)
		return err;
	wcur_bytes(&w, entry->hash, sizeof(entry->hash));
	wcur_u8(&w, (uint8_t)entry->kind);
	wcur_u8(&w, entry->content);
	wcur_u16(&w, entry->flags);
	wcur_u64(&w, entry->size);
	field_put_when(&w, entry->mtime);
	field_put_when(&w, entry->ctime);
	wcur_u64(&w, entry->inode);
	wcur_u64(&w, entry->device);
	wcur_u32(&w, entry->day);
	wcur_u8(&w, entry->has_attrs ? 1 : 0);
	wcur_zero(&w, 3);
	if (entry->content != 0)
		field_put_ref(&w, &entry->content_ref);
	if (entry->has_attrs)
		field_put_ref(&w, &entry->attrs_ref);
	ordinals_put(&w, &entry->packs);
	field_commit(b, &w);
	return 0;
}

static void
directory_get(struct rcur *r, struct statrec_directory *d)
{
	field_get_ref(r, &d->ref);
	d->type = (enum object_type)rcur_u8(r);
	rcur_zero(r, 3);
	d->below = rcur_u64(r);
	d->bytes = rcur_u64(r);
	ordinals_get(r, &d->packs);
}

static bool
directory_ok(const struct statrec_directory *d)
{
	return (d->type == OBJECT_DIRPAGE || d->type == OBJECT_DIRNODE) &&
	       field_addr_ok(d->ref.addr) && ordinals_ok(&d->packs);
}

static void
directory_put(struct wcur *w, const struct statrec_directory *d)
{
	field_put_ref(w, &d->ref);
	wcur_u8(w, (uint8_t)d->type);
	wcur_zero(w, 3);
	wcur_u64(w, d->below);
	wcur_u64(w, d->bytes);
	ordinals_put(w, &d->packs);
}

static bool
entries_ok(const struct statrec *in)
{
	struct rcur r = rcur_init(in->entries);
	struct statrec_entry e;
	struct span last = {NULL, 0};

	for (uint32_t i = 0; i < in->n; i++) {
		/* The hash comes first: a view of it outlives e. */
		struct span hash = span_of(r.p, sizeof(e.hash));

		entry_get(&r, &e);
		if (!rcur_ok(&r) || !entry_ok(&e))
			return false;
		if (i > 0 && field_cmp(last, hash) >= 0)
			return false;
		last = hash;
	}
	return rcur_end(&r) == 0;
}

int
statrec_encode(struct buf *b, const struct statrec *in)
{
	size_t n = HEAD_SIZE + in->entries.n;
	struct wcur w;
	int err;

	if (in->first) {
		if (!directory_ok(&in->directory))
			return -EINVAL;
		n += DIRECTORY_SIZE + in->directory.packs.bytes.n;
	}
	if (!entries_ok(in))
		return -EINVAL;
	err = field_open(b, n, &w);
	if (err)
		return err;
	wcur_u16(&w, FORMAT_VERSION);
	wcur_u16(&w, in->first ? FLAG_FIRST : 0);
	wcur_u32(&w, in->n);
	wcur_bytes(&w, in->next, sizeof(in->next));
	wcur_bytes(&w, in->digest, sizeof(in->digest));
	if (in->first)
		directory_put(&w, &in->directory);
	wcur_bytes(&w, in->entries.p, in->entries.n);
	field_commit(b, &w);
	return 0;
}

int
statrec_open(struct span bytes, struct statrec *ret)
{
	struct rcur r = rcur_init(bytes);
	struct statrec rec = {0};
	uint16_t flags, version = rcur_u16(&r);
	int err = rcur_ok(&r) ? field_version(version) : -EBADMSG;

	if (err)
		return err;
	flags = rcur_u16(&r);
	if (flags > FLAG_FIRST)
		rcur_fail(&r);
	rec.first = flags == FLAG_FIRST;
	rec.n = rcur_u32(&r);
	rcur_bytes(&r, rec.next, sizeof(rec.next));
	rcur_bytes(&r, rec.digest, sizeof(rec.digest));
	if (rec.first) {
		directory_get(&r, &rec.directory);
		if (!rcur_ok(&r) || !directory_ok(&rec.directory))
			return -EBADMSG;
	}
	if (!rcur_ok(&r))
		return -EBADMSG;
	rec.entries = rcur_span(&r, rcur_left(&r));
	if (!entries_ok(&rec))
		return -EBADMSG;
	*ret = rec;
	return 0;
}

bool
statrec_next(struct rcur *at, struct statrec_entry *ret)
{
	if (rcur_left(at) == 0)
		return false;
	entry_get(at, ret);
	return rcur_ok(at);
}
