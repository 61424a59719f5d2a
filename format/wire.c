/* SPDX-License-Identifier: Apache-2.0 */
#include "format/wire.h"

#include <assert.h>

#include "format/wire_internal.h"

static const char hello_magic[8] = {'M', 'U', 'N', 'I', 'W', 'I', 'R', 'E'};

#define HELLO_SIZE 16U
#define HELLO_MAX 64U /* of another protocol, to be refused by name */
#define START_HEAD 16U
#define WANT_HEAD 8U
#define AT_SIZE 8U

/* Who sends a frame, and how long its payload can be. */
struct frame {
	enum wire_type type;
	enum wire_side from;
	uint32_t min, max;
};

/* clang-format off */
static const struct frame frames[] = {
	{WIRE_VAULT_HELLO, WIRE_FROM_VAULT, HELLO_SIZE, HELLO_MAX},
	{WIRE_START, WIRE_FROM_VAULT, START_HEAD, WIRE_PAYLOAD_MAX},
	{WIRE_WANT, WIRE_FROM_VAULT, WANT_HEAD, WANT_HEAD + WIRE_ENTRIES_MAX},
	{WIRE_CREDIT, WIRE_FROM_VAULT, 8, 8},
	{WIRE_STOP, WIRE_FROM_VAULT, 0, 0},
	{WIRE_AGENT_HELLO, WIRE_FROM_AGENT, HELLO_SIZE, HELLO_MAX},
	{WIRE_OWNER, WIRE_FROM_AGENT, 7, 6 + 255},
	{WIRE_BATCH, WIRE_FROM_AGENT, 16,
		16 + WIRE_ENTRIES_MAX * WIRE_LISTING_MAX},
	{WIRE_ATTRS, WIRE_FROM_AGENT, AT_SIZE + 4, WIRE_PAYLOAD_MAX},
	{WIRE_LINK, WIRE_FROM_AGENT, AT_SIZE + 1, AT_SIZE + LIMIT_LINK_TARGET},
	{WIRE_DATA, WIRE_FROM_AGENT, WIRE_DATA_HEAD + 1,
		WIRE_DATA_HEAD + WIRE_DATA_MAX},
	{WIRE_HOLE, WIRE_FROM_AGENT, AT_SIZE + 16, AT_SIZE + 16},
	{WIRE_FILE_END, WIRE_FROM_AGENT, AT_SIZE + 32, AT_SIZE + 32},
	{WIRE_RESTART, WIRE_FROM_AGENT, AT_SIZE, AT_SIZE},
	{WIRE_PROBLEM, WIRE_FROM_AGENT, AT_SIZE + 4, AT_SIZE + 4},
	{WIRE_DONE, WIRE_FROM_AGENT, 8, 8},
	{WIRE_BATCH_DONE, WIRE_FROM_AGENT, 4, 4},
};
/* clang-format on */

static_assert(16 + WIRE_ENTRIES_MAX * WIRE_LISTING_MAX <= WIRE_PAYLOAD_MAX,
	"any batch fits a frame");

static const struct frame *
frame_of(uint32_t type)
{
	for (size_t i = 0; i < array_len(frames); i++) {
		if (frames[i].type == type)
			return &frames[i];
	}
	return NULL;
}

void
wire_head_encode(const struct wire_head *head, uint8_t dst[WIRE_HEAD_SIZE])
{
	struct wcur w = wcur_init(dst, WIRE_HEAD_SIZE);

	wcur_u32(&w, head->length);
	wcur_u16(&w, (uint16_t)head->type);
	wcur_zero(&w, 2);
	assert(!w.bad && w.at == WIRE_HEAD_SIZE);
}

int
wire_head_decode(struct span bytes, enum wire_side from, struct wire_head *ret)
{
	struct rcur r = rcur_init(bytes);
	uint32_t length = rcur_u32(&r);
	uint16_t type = rcur_u16(&r);
	const struct frame *frame = frame_of(type);

	rcur_zero(&r, 2);
	if (rcur_end(&r) != 0 || !frame || frame->from != from)
		return -EBADMSG;
	if (length < frame->min || length > frame->max)
		return -EBADMSG;
	ret->type = frame->type;
	ret->length = length;
	return 0;
}

bool
wire_counts(enum wire_type type)
{
	return type == WIRE_ATTRS || type == WIRE_LINK || type == WIRE_DATA ||
	       type == WIRE_HOLE;
}

int
wire_frame_open(struct buf *b, enum wire_type type, size_t n, struct wcur *w)
{
	const struct frame *frame = frame_of(type);
	struct wire_head head;
	int err;

	assert(frame);
	if (n < frame->min || n > frame->max)
		return -EINVAL;
	err = field_open(b, WIRE_HEAD_SIZE + n, w);
	if (err)
		return err;
	head = (struct wire_head){type, (uint32_t)n};
	wire_head_encode(&head, wcur_reserve(w, WIRE_HEAD_SIZE));
	return 0;
}

void
wire_get_at(struct rcur *r, struct wire_at *ret)
{
	ret->batch = rcur_u32(r);
	ret->entry = rcur_u16(r);
	rcur_zero(r, 2);
	if (ret->entry >= WIRE_ENTRIES_MAX)
		rcur_fail(r);
}

void
wire_put_at(struct wcur *w, struct wire_at at)
{
	wcur_u32(w, at.batch);
	wcur_u16(w, at.entry);
	wcur_zero(w, 2);
}

static bool
hello_ok(enum wire_side from, const struct wire_hello *h)
{
	if (from == WIRE_FROM_VAULT)
		return h->batches == 0;
	return h->batches > 0 && h->batches <= WIRE_BATCHES_MAX;
}

static size_t
hello_size(enum wire_side from)
{
	return from == WIRE_FROM_VAULT ? HELLO_SIZE : HELLO_SIZE + 8;
}

int
wire_hello_encode(
	struct buf *b, enum wire_side from, const struct wire_hello *in)
{
	enum wire_type type =
		from == WIRE_FROM_VAULT ? WIRE_VAULT_HELLO : WIRE_AGENT_HELLO;
	struct wcur w;
	int err;

	if (!hello_ok(from, in))
		return -EINVAL;
	err = wire_frame_open(b, type, hello_size(from), &w);
	if (err)
		return err;
	wcur_bytes(&w, hello_magic, sizeof(hello_magic));
	wcur_u16(&w, WIRE_PROTOCOL);
	wcur_zero(&w, 2);
	wcur_u32(&w, in->batches);
	if (from == WIRE_FROM_AGENT)
		wcur_i64(&w, in->clock);
	field_commit(b, &w);
	return 0;
}

int
wire_hello_decode(
	struct span payload, enum wire_side from, struct wire_hello *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_hello hello = {0};
	uint16_t protocol;

	if (!span_eq(rcur_span(&r, 8), span_of(hello_magic, 8)))
		return -EBADMSG;
	protocol = rcur_u16(&r);
	if (rcur_ok(&r) && protocol != WIRE_PROTOCOL)
		return -EPROTONOSUPPORT;
	rcur_zero(&r, 2);
	hello.batches = rcur_u32(&r);
	if (from == WIRE_FROM_AGENT)
		hello.clock = rcur_i64(&r);
	if (rcur_end(&r) != 0 || !hello_ok(from, &hello))
		return -EBADMSG;
	*ret = hello;
	return 0;
}

/* A path of a START frame begins with a slash; an exclude need not. */
static bool
start_string_ok(struct span s, bool path)
{
	return s.n > 0 && s.n <= WIRE_PATH_MAX && field_no_nul(s) &&
	       (!path || s.p[0] == '/');
}

/* Size of n strings with their lengths; 0 when one is not allowed. */
static size_t
start_strings_size(const struct span *s, size_t n, bool path)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		if (!start_string_ok(s[i], path))
			return 0;
		size += 2 + s[i].n;
	}
	return size;
}

static bool
start_ok(const struct wire_start *in)
{
	return in->paths > 0 && in->paths <= WIRE_PATHS_MAX &&
	       in->excludes <= UINT16_MAX &&
	       (in->options & ~(WIRE_CROSS_DEVICES | WIRE_SKIP_CACHEDIRS)) == 0;
}

int
wire_start_encode(struct buf *b, const struct wire_start *in,
	const struct span *path, const struct span *exclude)
{
	size_t paths, excludes;
	struct wcur w;
	int err;

	if (!start_ok(in))
		return -EINVAL;
	paths = start_strings_size(path, in->paths, true);
	excludes = start_strings_size(exclude, in->excludes, false);
	if (paths == 0 || (in->excludes > 0 && excludes == 0))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_START, START_HEAD + paths + excludes, &w);
	if (err)
		return err;
	wcur_u16(&w, (uint16_t)in->paths);
	wcur_u16(&w, (uint16_t)in->excludes);
	wcur_u16(&w, in->options);
	wcur_zero(&w, 2);
	wcur_u64(&w, in->credit);
	for (size_t i = 0; i < in->paths; i++)
		field_put_bytes16(&w, path[i]);
	for (size_t i = 0; i < in->excludes; i++)
		field_put_bytes16(&w, exclude[i]);
	field_commit(b, &w);
	return 0;
}

int
wire_start_decode(struct span payload, struct wire_start *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_start start;

	if (payload.n > WIRE_PAYLOAD_MAX)
		return -EBADMSG;
	start.paths = rcur_u16(&r);
	start.excludes = rcur_u16(&r);
	start.options = rcur_u16(&r);
	rcur_zero(&r, 2);
	start.credit = rcur_u64(&r);
	if (!rcur_ok(&r) || !start_ok(&start))
		return -EBADMSG;
	start.strings = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < start.paths + start.excludes; i++) {
		if (!start_string_ok(field_get_bytes16(&r), i < start.paths))
			return -EBADMSG;
	}
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = start;
	return 0;
}

bool
wire_start_next(struct rcur *at, struct span *ret)
{
	if (rcur_left(at) == 0)
		return false;
	*ret = field_get_bytes16(at);
	return rcur_ok(at);
}

static bool
want_ok(const struct wire_want *in)
{
	if (in->want.n > WIRE_ENTRIES_MAX)
		return false;
	for (size_t i = 0; i < in->want.n; i++) {
		if (in->want.p[i] & ~(WIRE_WANT_CONTENT | WIRE_WANT_ATTRS))
			return false;
	}
	return true;
}

int
wire_want_encode(struct buf *b, const struct wire_want *in)
{
	struct wcur w;
	int err;

	if (!want_ok(in))
		return -EINVAL;
	err = wire_frame_open(b, WIRE_WANT, WANT_HEAD + in->want.n, &w);
	if (err)
		return err;
	wcur_u32(&w, in->batch);
	wcur_u16(&w, (uint16_t)in->want.n);
	wcur_zero(&w, 2);
	wcur_bytes(&w, in->want.p, in->want.n);
	field_commit(b, &w);
	return 0;
}

int
wire_want_decode(struct span payload, struct wire_want *ret)
{
	struct rcur r = rcur_init(payload);
	struct wire_want want;
	uint16_t n;

	want.batch = rcur_u32(&r);
	n = rcur_u16(&r);
	rcur_zero(&r, 2);
	want.want = rcur_span(&r, n);
	if (rcur_end(&r) != 0 || !want_ok(&want))
		return -EBADMSG;
	*ret = want;
	return 0;
}

/* A payload that is one u64. */
static int
number_encode(struct buf *b, enum wire_type type, uint64_t v)
{
	struct wcur w;
	int err = wire_frame_open(b, type, 8, &w);

	if (err)
		return err;
	wcur_u64(&w, v);
	field_commit(b, &w);
	return 0;
}

static int
number_decode(struct span payload, uint64_t *ret)
{
	struct rcur r = rcur_init(payload);
	uint64_t v = rcur_u64(&r);

	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int
wire_credit_encode(struct buf *b, uint64_t bytes)
{
	return number_encode(b, WIRE_CREDIT, bytes);
}

int
wire_credit_decode(struct span payload, uint64_t *ret)
{
	return number_decode(payload, ret);
}

int
wire_stop_decode(struct span payload)
{
	return payload.n == 0 ? 0 : -EBADMSG;
}

int
wire_done_encode(struct buf *b, uint64_t batches)
{
	return number_encode(b, WIRE_DONE, batches);
}

int
wire_done_decode(struct span payload, uint64_t *ret)
{
	return number_decode(payload, ret);
}

int
wire_batch_done_encode(struct buf *b, uint32_t batch)
{
	struct wcur w;
	int err = wire_frame_open(b, WIRE_BATCH_DONE, 4, &w);

	if (err)
		return err;
	wcur_u32(&w, batch);
	field_commit(b, &w);
	return 0;
}

int
wire_batch_done_decode(struct span payload, uint32_t *ret)
{
	struct rcur r = rcur_init(payload);
	uint32_t batch = rcur_u32(&r);

	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = batch;
	return 0;
}
