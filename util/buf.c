/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "util/buf.h"
#include "util/mem.h"

/* The first allocation: most records and names fit. */
#define BUF_FIRST 64

int
buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap;
	uint8_t *p;

	if (!add_ok(b->n, extra, &need))
		return -ENOMEM;
	if (need <= b->cap)
		return 0;
	/* Doubling keeps the cost of n appended bytes at O(n) copies. */
	if (!mul_ok(b->cap, 2, &cap) || cap < need)
		cap = need;
	if (cap < BUF_FIRST)
		cap = BUF_FIRST;
	p = mem_realloc_array(b->p, cap, 1);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	int err;

	if (n == 0)
		return 0;
	err = buf_reserve(b, n);
	if (err < 0)
		return err;
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

int
buf_u8(struct buf *b, uint8_t v)
{
	return buf_append(b, &v, 1);
}

int
buf_u16(struct buf *b, uint16_t v)
{
	uint8_t bytes[2];

	le16_put(bytes, v);
	return buf_append(b, bytes, sizeof(bytes));
}

int
buf_u32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4];

	le32_put(bytes, v);
	return buf_append(b, bytes, sizeof(bytes));
}

int
buf_u64(struct buf *b, uint64_t v)
{
	uint8_t bytes[8];

	le64_put(bytes, v);
	return buf_append(b, bytes, sizeof(bytes));
}

struct span
buf_span(const struct buf *b)
{
	return span_of(b->p, b->n);
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
}

void
buf_free(struct buf *b)
{
	mem_free(b->p);
	*b = BUF_INIT;
}
