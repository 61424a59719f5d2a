/* SPDX-License-Identifier: Apache-2.0 */
#include "format/directory.h"

#include <assert.h>

#include "format/field.h"

#define PAGE_HEAD 8U
#define OWNER_MAX (1U + 4U + 1U + 255U)
#define ENTRY_FLAGS                                                            \
	(DIRENT_ATTRS | DIRENT_LINK_GROUP | DIRENT_CHANGED | DIRENT_UNREAD |   \
		DIRENT_NOT_ENTERED | DIRENT_ATTRS_UNREAD)
#define TAG_CRITICAL 0x8000U

/* Owner names. */

static bool
owner_get(struct rcur *r, struct owner *ret)
{
	struct owner o;

	o.kind = (enum owner_kind)rcur_u8(r);
	o.number = rcur_u32(r);
	o.name = field_get_bytes8(r);
	if (!rcur_ok(r))
		return false;
	if (o.kind != OWNER_USER && o.kind != OWNER_GROUP)
		return false;
	if (o.name.n == 0 || !field_no_nul(o.name))
		return false;
	*ret = o;
	return true;
}

static bool
owner_above(const struct owner *a, const struct owner *b)
{
	if (a->kind != b->kind)
		return a->kind > b->kind;
	return a->number > b->number;
}

void
directory_owners_get(struct rcur *r, uint32_t n, struct directory_owners *ret)
{
	const uint8_t *start = r->p;
	struct owner o, last = {0};

	for (uint32_t i = 0; i < n; i++) {
		if (!owner_get(r, &o) || (i > 0 && !owner_above(&o, &last))) {
			rcur_fail(r);
			return;
		}
		last = o;
	}
	ret->n = n;
	ret->bytes = span_of(start, n > 0 ? (size_t)(r->p - start) : 0);
}

int
directory_owners_put(struct buf *b, const struct owner *owner, size_t n)
{
	struct directory_owners check;
	struct wcur w;
	struct rcur r;
	int err;

	if (n == 0)
		return 0;
	if (n > UINT16_MAX)
		return -EINVAL;
	err = field_open(b, n * OWNER_MAX, &w);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (owner[i].name.n > UINT8_MAX)
			return -EINVAL;
		wcur_u8(&w, (uint8_t)owner[i].kind);
		wcur_u32(&w, owner[i].number);
		field_put_bytes8(&w, owner[i].name);
	}
	r = rcur_init(field_written(&w));
	directory_owners_get(&r, (uint32_t)n, &check);
	if (rcur_end(&r) != 0)
		return -EINVAL;
	field_commit(b, &w);
	return 0;
}

bool
directory_owners_next(struct rcur *at, struct owner *ret)
{
	return rcur_left(at) > 0 && owner_get(at, ret);
}

int
directory_owners_find(const struct directory_owners *owners,
	enum owner_kind kind, uint32_t number, struct span *ret_name)
{
	struct rcur at = rcur_init(owners->bytes);
	struct owner o;

	while (directory_owners_next(&at, &o)) {
		if (o.kind == kind && o.number == number) {
			*ret_name = o.name;
			return 0;
		}
	}
	return -ENOENT;
}

/* Entries. */

static bool
is_device(enum file_kind kind)
{
	return kind == FILE_CHAR || kind == FILE_BLOCK;
}

/* All fields, unjudged; which there are depends on kind and flags alone. */
static void
entry_get(struct rcur *r, struct dirent_rec *e)
{
	*e = (struct dirent_rec){0};
	e->name = field_get_bytes8(r);
	e->kind = (enum file_kind)rcur_u8(r);
	e->content = rcur_u8(r);
	e->flags = rcur_u16(r);
	e->mode = rcur_u16(r);
	e->user = rcur_u32(r);
	e->group = rcur_u32(r);
	field_get_when(r, &e->mtime);
	field_get_when(r, &e->ctime);
	e->size = rcur_u64(r);
	if (e->kind == FILE_DIRECTORY) {
		e->below = rcur_u64(r);
	} else if (is_device(e->kind)) {
		e->major = rcur_u32(r);
		e->minor = rcur_u32(r);
	}
	if (e->flags & DIRENT_LINK_GROUP) {
		rcur_bytes(r, e->link_group, sizeof(e->link_group));
		e->links = rcur_u32(r);
	}
	e->tags = rcur_span(r, rcur_left(r));
}

static void
entry_put(struct wcur *w, const struct dirent_rec *e)
{
	field_put_bytes8(w, e->name);
	wcur_u8(w, (uint8_t)e->kind);
	wcur_u8(w, e->content);
	wcur_u16(w, e->flags);
	wcur_u16(w, e->mode);
	wcur_u32(w, e->user);
	wcur_u32(w, e->group);
	field_put_when(w, e->mtime);
	field_put_when(w, e->ctime);
	wcur_u64(w, e->size);
	if (e->kind == FILE_DIRECTORY) {
		wcur_u64(w, e->below);
	} else if (is_device(e->kind)) {
		wcur_u32(w, e->major);
		wcur_u32(w, e->minor);
	}
	if (e->flags & DIRENT_LINK_GROUP) {
		wcur_bytes(w, e->link_group, sizeof(e->link_group));
		wcur_u32(w, e->links);
	}
	wcur_bytes(w, e->tags.p, e->tags.n);
}

static bool
entry_size_ok(const struct dirent_rec *e)
{
	switch (e->kind) {
	case FILE_REGULAR:
		return e->size <= FORMAT_FILE_MAX;
	case FILE_DIRECTORY:
		return e->content != 0 || (e->size == 0 && e->below == 0);
	case FILE_SYMLINK:
		return e->size <= LIMIT_LINK_TARGET;
	case FILE_FIFO:
	case FILE_SOCKET:
	case FILE_CHAR:
	case FILE_BLOCK:
		return e->size == 0;
	}
	return false;
}

static bool
entry_ok(const struct dirent_rec *e, bool root)
{
	if (root ? e->name.n > 0 : !field_name_ok(e->name))
		return false;
	if (!field_content_ok(e->kind, e->content) || !entry_size_ok(e))
		return false;
	if (e->kind == FILE_DIRECTORY && (e->flags & DIRENT_LINK_GROUP))
		return false;
	return (e->flags & ~ENTRY_FLAGS) == 0 && (e->mode & ~07777U) == 0;
}

static int
tags_check(struct span tags)
{
	struct rcur r = rcur_init(tags);
	uint32_t next = 0;
	bool critical = false;

	while (rcur_left(&r) > 0) {
		uint16_t tag = rcur_u16(&r);

		field_get_bytes16(&r);
		if (!rcur_ok(&r) || tag < next)
			return -EBADMSG;
		next = tag + 1U;
		critical = critical || (tag & TAG_CRITICAL);
	}
	if (!rcur_ok(&r))
		return -EBADMSG;
	/* Version 1 knows no tag at all. */
	return critical ? -EPROTONOSUPPORT : 0;
}

int
directory_entry_decode(struct span bytes, bool root, struct dirent_rec *ret)
{
	struct rcur r = rcur_init(bytes);
	struct dirent_rec e;
	int err;

	entry_get(&r, &e);
	if (rcur_end(&r) != 0 || !entry_ok(&e, root))
		return -EBADMSG;
	err = tags_check(e.tags);
	if (err)
		return err;
	*ret = e;
	return 0;
}

int
directory_entry_encode(struct buf *b, const struct dirent_rec *entry)
{
	bool root = entry->name.n == 0;
	struct dirent_rec check;
	struct wcur w;
	size_t n;
	int err;

	if (entry->name.n > LIMIT_NAME || entry->tags.n > UINT16_MAX)
		return -EINVAL;
	err = field_open(b, DIRENT_SIZE_MAX + entry->tags.n, &w);
	if (err)
		return err;
	wcur_u16(&w, 0);
	entry_put(&w, entry);
	n = w.at - 2;
	if (n > UINT16_MAX)
		return -EINVAL;
	if (directory_entry_decode(span_of(w.p + 2, n), root, &check) != 0)
		return -EINVAL;
	le16_put(w.p, (uint16_t)n);
	field_commit(b, &w);
	return 0;
}

uint32_t
directory_entry_slots(const struct dirent_rec *entry)
{
	return (entry->content != 0 ? 1U : 0U) +
	       (entry->flags & DIRENT_ATTRS ? 1U : 0U);
}

void
directory_entry_number(struct dirent_rec *entry, uint32_t *slot)
{
	if (entry->content != 0)
		entry->content_slot = (*slot)++;
	if (entry->flags & DIRENT_ATTRS)
		entry->attrs_slot = (*slot)++;
}

/* Pages. */

static int
page_check_entries(struct directory_page *page)
{
	struct rcur r = rcur_init(page->entries);
	struct span last = {NULL, 0};

	for (uint32_t i = 0; i < page->n; i++) {
		struct dirent_rec e;
		int err;

		err = directory_entry_decode(field_get_bytes16(&r), false, &e);
		if (err)
			return err;
		if (i > 0 && field_cmp(last, e.name) >= 0)
			return -EBADMSG;
		last = e.name;
		page->slots += directory_entry_slots(&e);
	}
	return rcur_end(&r);
}

int
directory_page_open(struct span bytes, struct directory_page *ret)
{
	struct rcur r = rcur_init(bytes);
	struct directory_page page = {0};
	uint16_t owners;
	int err;

	if (bytes.n > FORMAT_OBJECT_MAX)
		return -EBADMSG;
	page.n = rcur_u16(&r);
	owners = rcur_u16(&r);
	rcur_zero(&r, 4);
	directory_owners_get(&r, owners, &page.owners);
	if (!rcur_ok(&r))
		return -EBADMSG;
	page.entries = rcur_span(&r, rcur_left(&r));
	err = page_check_entries(&page);
	if (err)
		return err;
	if (page.slots > FORMAT_REFS_MAX)
		return -EBADMSG;
	*ret = page;
	return 0;
}

int
directory_page_encode(struct buf *b, const struct owner *owner, size_t owners,
	struct span entries, size_t n)
{
	size_t before = b->n;
	struct directory_page check;
	struct wcur w;
	int err;

	if (n > UINT16_MAX || owners > UINT16_MAX)
		return -EINVAL;
	err = field_open(b, PAGE_HEAD, &w);
	if (err)
		return err;
	wcur_u16(&w, (uint16_t)n);
	wcur_u16(&w, (uint16_t)owners);
	wcur_zero(&w, 4);
	field_commit(b, &w);
	err = directory_owners_put(b, owner, owners);
	if (!err)
		err = buf_append(b, entries.p, entries.n);
	if (!err && directory_page_open(
			    span_of(b->p + before, b->n - before), &check) != 0)
		err = -EINVAL;
	if (err)
		b->n = before;
	return err;
}

struct directory_at
directory_page_start(const struct directory_page *page)
{
	return (struct directory_at){rcur_init(page->entries), 0};
}

bool
directory_page_next(struct directory_at *at, struct dirent_rec *ret)
{
	struct rcur r;

	if (rcur_left(&at->r) == 0)
		return false;
	r = rcur_init(field_get_bytes16(&at->r));
	entry_get(&r, ret);
	assert(rcur_ok(&r));
	directory_entry_number(ret, &at->slot);
	return true;
}
