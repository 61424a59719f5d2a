/* SPDX-License-Identifier: Apache-2.0 */
#include "format/wire.h"

#include "format/attrs.h"
#include "format/wire_internal.h"

/* Frames about one entry of a batch. */

#define AT_SIZE 8U
#define END_FLAGS (WIRE_END_CHANGED | WIRE_END_UNREAD)

static bool
at_ok(struct wire_at at)
{
	return at.entry < WIRE_ENTRIES_MAX;
}

int
wire_attrs_encode(struct buf *b, const struct wire_attrs *in)
{
	struct attrs check;
	struct wcur w;
	int err;

	if (!at_ok(in->at) || attrs_open(in->set, &check) != 0)
		return -EINVAL;
	err = wire_frame_open(b, WIRE_ATTRS, AT_SIZE + in->set.n, &w);
	if (err)
		return err;
	wire_put_at(&w, in->at);
	wcur_bytes(&w, in->set.p, in->set.n);
	field_commit(b, &w);
	return 0;
}

int
wire_attrs_decode(struct span payload, struct wire_attrs *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_attrs out;
	struct attrs check;

	wire_get_at(&r, &out.at);
	out.set = rcur_span(&r, rcur_left(&r));
	if (rcur_end(&r) != 0 || payload.n > WIRE_PAYLOAD_MAX ||
		attrs_open(out.set, &check) != 0)
		return -EBADMSG;
	*ret = out;
	return 0;
}

static bool
link_ok(const struct wire_link *in)
{
	return in->target.n > 0 && in->target.n <= LIMIT_LINK_TARGET &&
	       field_no_nul(in->target);
}

int
wire_link_encode(struct buf *b, const struct wire_link *in)
{
	struct wcur w;
	int err;

	if (!at_ok(in->at) || !link_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_LINK, AT_SIZE + in->target.n, &w);
	if (err)
		return err;
	wire_put_at(&w, in->at);
	wcur_bytes(&w, in->target.p, in->target.n);
	field_commit(b, &w);
	return 0;
}

int
wire_link_decode(struct span payload, struct wire_link *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_link out;

	wire_get_at(&r, &out.at);
	out.target = rcur_span(&r, rcur_left(&r));
	if (rcur_end(&r) != 0 || !link_ok(&out))
		return -EBADMSG;
	*ret = out;
	return 0;
}

/* Bytes of a file: at least one, and none beyond the longest file. */
static bool
extent_ok(uint64_t offset, uint64_t length)
{
	return length > 0 && length <= FORMAT_FILE_MAX &&
	       offset <= FORMAT_FILE_MAX - length;
}

static bool
data_ok(struct wire_at at, uint64_t offset, size_t n)
{
	return at_ok(at) && n <= WIRE_DATA_MAX && extent_ok(offset, n);
}

int
wire_data_head(struct wire_at at, uint64_t offset, size_t n,
	uint8_t dst[WIRE_HEAD_SIZE + WIRE_DATA_HEAD])
{
	struct wire_head head = {WIRE_DATA, 0};
	struct wcur w = wcur_init(dst, WIRE_HEAD_SIZE + WIRE_DATA_HEAD);

	if (!data_ok(at, offset, n))
		return -EINVAL;
	head.length = WIRE_DATA_HEAD + (uint32_t)n;
	wire_head_encode(&head, dst);
	wcur_reserve(&w, WIRE_HEAD_SIZE);
	wire_put_at(&w, at);
	wcur_u64(&w, offset);
	return 0;
}

int
wire_data_decode(struct span payload, struct wire_data *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_data out;

	wire_get_at(&r, &out.at);
	out.offset = rcur_u64(&r);
	out.bytes = rcur_span(&r, rcur_left(&r));
	if (rcur_end(&r) != 0 || !data_ok(out.at, out.offset, out.bytes.n))
		return -EBADMSG;
	*ret = out;
	return 0;
}

int
wire_hole_encode(struct buf *b, const struct wire_hole *in)
{
	struct wcur w;
	int err;

	if (!at_ok(in->at) || !extent_ok(in->offset, in->length))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_HOLE, AT_SIZE + 16, &w);
	if (err)
		return err;
	wire_put_at(&w, in->at);
	wcur_u64(&w, in->offset);
	wcur_u64(&w, in->length);
	field_commit(b, &w);
	return 0;
}

int
wire_hole_decode(struct span payload, struct wire_hole *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_hole out;

	wire_get_at(&r, &out.at);
	out.offset = rcur_u64(&r);
	out.length = rcur_u64(&r);
	if (rcur_end(&r) != 0 || !extent_ok(out.offset, out.length))
		return -EBADMSG;
	*ret = out;
	return 0;
}

static bool
file_end_ok(const struct wire_file_end *in)
{
	return at_ok(in->at) && (in->flags & ~END_FLAGS) == 0 &&
	       in->size <= FORMAT_FILE_MAX && field_when_ok(in->mtime) &&
	       field_when_ok(in->ctime);
}

int
wire_file_end_encode(struct buf *b, const struct wire_file_end *in)
{
	struct wcur w;
	int err;

	if (!file_end_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_FILE_END, AT_SIZE + 32, &w);
	if (err)
		return err;
	wcur_u32(&w, in->at.batch);
	wcur_u16(&w, in->at.entry);
	wcur_u16(&w, in->flags);
	wcur_u64(&w, in->size);
	field_put_when(&w, in->mtime);
	field_put_when(&w, in->ctime);
	field_commit(b, &w);
	return 0;
}

int
wire_file_end_decode(struct span payload, struct wire_file_end *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_file_end out;

	out.at.batch = rcur_u32(&r);
	out.at.entry = rcur_u16(&r);
	out.flags = rcur_u16(&r);
	out.size = rcur_u64(&r);
	field_get_when(&r, &out.mtime);
	field_get_when(&r, &out.ctime);
	if (rcur_end(&r) != 0 || !file_end_ok(&out))
		return -EBADMSG;
	*ret = out;
	return 0;
}

int
wire_restart_encode(struct buf *b, struct wire_at at)
{
	struct wcur w;
	int err;

	if (!at_ok(at))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_RESTART, AT_SIZE, &w);
	if (err)
		return err;
	wire_put_at(&w, at);
	field_commit(b, &w);
	return 0;
}

int
wire_restart_decode(struct span payload, struct wire_at *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_at at;

	wire_get_at(&r, &at);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = at;
	return 0;
}

static bool
problem_ok(const struct wire_problem *in)
{
	return at_ok(in->at) && in->reason <= UINT16_MAX &&
	       field_reason_ok((uint16_t)in->reason);
}

int
wire_problem_encode(struct buf *b, const struct wire_problem *in)
{
	struct wcur w;
	int err;

	if (!problem_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_PROBLEM, AT_SIZE + 4, &w);
	if (err)
		return err;
	wcur_u32(&w, in->at.batch);
	wcur_u16(&w, in->at.entry);
	wcur_u16(&w, (uint16_t)in->reason);
	wcur_u32(&w, in->err);
	field_commit(b, &w);
	return 0;
}

int
wire_problem_decode(struct span payload, struct wire_problem *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_problem out;

	out.at.batch = rcur_u32(&r);
	out.at.entry = rcur_u16(&r);
	out.reason = (enum problem_reason)rcur_u16(&r);
	out.err = rcur_u32(&r);
	if (rcur_end(&r) != 0 || !problem_ok(&out))
		return -EBADMSG;
	*ret = out;
	return 0;
}
