/* SPDX-License-Identifier: Apache-2.0 */
#include "format/wire.h"

#include "format/wire_internal.h"

#define BATCH_HEAD 16U
#define BATCH_FLAGS (WIRE_BATCH_LAST | WIRE_BATCH_UNREAD)
#define ENTRY_NOT_ENTERED (WIRE_ENTRY_OTHER_DEVICE | WIRE_ENTRY_CACHEDIR)
#define ENTRY_OF_DIRECTORY (WIRE_ENTRY_FOLLOWS | ENTRY_NOT_ENTERED)
#define ENTRY_FLAGS (ENTRY_OF_DIRECTORY | WIRE_ENTRY_UNEXAMINED)

static bool
owner_ok(const struct owner *in)
{
	return (in->kind == OWNER_USER || in->kind == OWNER_GROUP) &&
	       in->name.n > 0 && in->name.n <= UINT8_MAX &&
	       field_no_nul(in->name);
}

int
wire_owner_encode(struct buf *b, const struct owner *in)
{
	struct wcur w;
	int err;

	if (!owner_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_OWNER, 6 + in->name.n, &w);
	if (err)
		return err;
	wcur_u8(&w, (uint8_t)in->kind);
	wcur_u32(&w, in->number);
	field_put_bytes8(&w, in->name);
	field_commit(b, &w);
	return 0;
}

int
wire_owner_decode(struct span payload, struct owner *ret)
{
	struct rcur r = rcur_init(payload);
	struct owner owner;

	owner.kind = (enum owner_kind)rcur_u8(&r);
	owner.number = rcur_u32(&r);
	owner.name = field_get_bytes8(&r);
	if (rcur_end(&r) != 0 || !owner_ok(&owner))
		return -EBADMSG;
	*ret = owner;
	return 0;
}

static void
listing_get(struct rcur *r, struct listing *ret)
{
	ret->name = field_get_bytes8(r);
	ret->kind = rcur_u8(r);
	ret->flags = rcur_u8(r);
	ret->mode = rcur_u16(r);
	ret->user = rcur_u32(r);
	ret->group = rcur_u32(r);
	ret->size = rcur_u64(r);
	field_get_when(r, &ret->mtime);
	field_get_when(r, &ret->ctime);
	ret->inode = rcur_u64(r);
	ret->device = rcur_u64(r);
	ret->links = rcur_u32(r);
	ret->major = rcur_u32(r);
	ret->minor = rcur_u32(r);
}

static bool
listing_ok(const struct listing *in)
{
	if (in->name.n > 0 && !field_name_ok(in->name))
		return false;
	if (!field_kind_ok(in->kind) &&
		(in->kind != 0 || !(in->flags & WIRE_ENTRY_UNEXAMINED)))
		return false;
	if ((in->flags & ENTRY_OF_DIRECTORY) && in->kind != FILE_DIRECTORY)
		return false;
	if ((in->flags & WIRE_ENTRY_FOLLOWS) && (in->flags & ENTRY_NOT_ENTERED))
		return false;
	return (in->flags & ~ENTRY_FLAGS) == 0 && (in->mode & ~07777U) == 0 &&
	       in->size <= FORMAT_FILE_MAX && field_when_ok(in->mtime) &&
	       field_when_ok(in->ctime);
}

int
wire_listing_encode(struct buf *b, const struct listing *in)
{
	struct wcur w;
	int err;

	if (!listing_ok(in))
		return -EINVAL;
	err = field_open(b, WIRE_LISTING_MAX, &w);
	if (err)
		return err;
	field_put_bytes8(&w, in->name);
	wcur_u8(&w, in->kind);
	wcur_u8(&w, in->flags);
	wcur_u16(&w, in->mode);
	wcur_u32(&w, in->user);
	wcur_u32(&w, in->group);
	wcur_u64(&w, in->size);
	field_put_when(&w, in->mtime);
	field_put_when(&w, in->ctime);
	wcur_u64(&w, in->inode);
	wcur_u64(&w, in->device);
	wcur_u32(&w, in->links);
	wcur_u32(&w, in->major);
	wcur_u32(&w, in->minor);
	field_commit(b, &w);
	return 0;
}

static bool
batch_head_ok(const struct wire_batch *batch)
{
	if (batch->n > WIRE_ENTRIES_MAX || (batch->flags & ~BATCH_FLAGS))
		return false;
	if (batch->batch == 0)
		return batch->parent == WIRE_NO_PARENT &&
		       batch->parent_entry == 0;
	return batch->parent < batch->batch &&
	       batch->parent_entry < WIRE_ENTRIES_MAX;
}

static bool
batch_entries_ok(const struct wire_batch *batch)
{
	struct rcur r = rcur_init(batch->entries);
	struct span last = {NULL, 0};

	for (uint32_t i = 0; i < batch->n; i++) {
		struct listing e;

		listing_get(&r, &e);
		if (!rcur_ok(&r) || !listing_ok(&e))
			return false;
		if ((e.name.n == 0) != (batch->batch == 0))
			return false;
		if (batch->batch > 0 && i > 0 && field_cmp(last, e.name) >= 0)
			return false;
		last = e.name;
	}
	return rcur_end(&r) == 0;
}

int
wire_batch_encode(struct buf *b, const struct wire_batch *in)
{
	struct wcur w;
	int err;

	if (!batch_head_ok(in) || !batch_entries_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_BATCH, BATCH_HEAD + in->entries.n, &w);
	if (err)
		return err;
	wcur_u32(&w, in->batch);
	wcur_u32(&w, in->parent);
	wcur_u16(&w, in->parent_entry);
	wcur_u16(&w, in->flags);
	wcur_u16(&w, in->n);
	wcur_zero(&w, 2);
	wcur_bytes(&w, in->entries.p, in->entries.n);
	field_commit(b, &w);
	return 0;
}

int
wire_batch_decode(struct span payload, struct wire_batch *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_batch batch;

	batch.batch = rcur_u32(&r);
	batch.parent = rcur_u32(&r);
	batch.parent_entry = rcur_u16(&r);
	batch.flags = rcur_u16(&r);
	batch.n = rcur_u16(&r);
	rcur_zero(&r, 2);
	if (!rcur_ok(&r) || !batch_head_ok(&batch))
		return -EBADMSG;
	batch.entries = rcur_span(&r, rcur_left(&r));
	if (!batch_entries_ok(&batch))
		return -EBADMSG;
	*ret = batch;
	return 0;
}

bool
wire_batch_next(struct rcur *at, struct listing *ret)
{
	if (rcur_left(at) == 0)
		return false;
	listing_get(at, ret);
	return rcur_ok(at);
}
