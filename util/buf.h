/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

/*
 * A growable byte buffer. Start from BUF_INIT (all zero); end with buf_free
 * or declare it _cleanup_buf_. It has no limit of its own: a caller that
 * appends foreign bytes checks its limit first. Not for secrets: growth
 * leaves copies behind.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/span.h"

/* n bytes at p are in use; cap are allocated. */
struct buf {
	uint8_t *p;
	size_t n, cap;
};

#define BUF_INIT ((struct buf){NULL, 0, 0})
#define _cleanup_buf_ _cleanup_(buf_free)

/*
 * Each of these returns 0 or -ENOMEM, and on failure the buffer is
 * unchanged. Any of them may move the bytes.
 */

/* Make room for extra more bytes at p + n; capacity at least doubles. */
must_check int buf_reserve(struct buf *b, size_t extra);

/* The appended bytes must not be the buffer's own. */
must_check int buf_append(struct buf *b, const void *p, size_t n);

/* Little-endian. */
must_check int buf_u8(struct buf *b, uint8_t v);
must_check int buf_u16(struct buf *b, uint16_t v);
must_check int buf_u32(struct buf *b, uint32_t v);
must_check int buf_u64(struct buf *b, uint64_t v);

/* The bytes in use; valid until the next change of the buffer. */
struct span buf_span(const struct buf *b);

/* Forget the bytes, keep the memory. */
void buf_clear(struct buf *b);

/* Give the memory back and leave an empty, usable buffer. */
void buf_free(struct buf *b);

#endif
