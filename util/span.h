/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_SPAN_H
#define UTIL_SPAN_H

/*
 * Borrowed bytes, and the two cursors through which all foreign bytes go. A
 * cursor's failure is sticky: a decoder is a straight list of reads with one
 * check at the end, and what is read after the first failure is zero.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/arith.h"
#include "util/cleanup.h"
#include "util/le.h"

/* A borrowed view; it owns nothing. p may be NULL when n is 0. */
struct span {
	const uint8_t *p;
	size_t n;
};

static inline struct span
span_of(const void *p, size_t n)
{
	return (struct span){p, n};
}

/* The bytes of a string without its NUL. */
static inline struct span
span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

/* Not for secrets: the time depends on the bytes. */
static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Read cursor. Borrows the span's bytes; lives on the stack. */
struct rcur {
	const uint8_t *p;
	size_t n;
	bool bad;
};

static inline struct rcur
rcur_init(struct span s)
{
	return (struct rcur){s.p, s.n, false};
}

/* Mark the input as bad: for a value that was read but is not allowed. */
static inline void
rcur_fail(struct rcur *r)
{
	r->bad = true;
	r->n = 0;
}

/* True while nothing has failed. */
static inline bool
rcur_ok(const struct rcur *r)
{
	return !r->bad;
}

/* Bytes not read yet; 0 when bad. */
static inline size_t
rcur_left(const struct rcur *r)
{
	return r->n;
}

/*
 * Step over n bytes and return where they are; the view lives as long as the
 * cursor's input. Bad or too short: fails, and the view is {NULL, 0}.
 */
static inline struct span
rcur_span(struct rcur *r, size_t n)
{
	struct span s;

	if (r->bad || n > r->n) {
		rcur_fail(r);
		return (struct span){NULL, 0};
	}
	s = (struct span){r->p, n};
	if (n > 0)
		r->p += n;
	r->n -= n;
	return s;
}

/* Little-endian integers; 0 when bad. */
static inline uint8_t
rcur_u8(struct rcur *r)
{
	struct span s = rcur_span(r, 1);

	return s.n > 0 ? s.p[0] : 0;
}

static inline uint16_t
rcur_u16(struct rcur *r)
{
	struct span s = rcur_span(r, 2);

	return s.n > 0 ? le16_get(s.p) : 0;
}

static inline uint32_t
rcur_u32(struct rcur *r)
{
	struct span s = rcur_span(r, 4);

	return s.n > 0 ? le32_get(s.p) : 0;
}

static inline uint64_t
rcur_u64(struct rcur *r)
{
	struct span s = rcur_span(r, 8);

	return s.n > 0 ? le64_get(s.p) : 0;
}

/* Two's complement. */
static inline int64_t
rcur_i64(struct rcur *r)
{
	return (int64_t)rcur_u64(r);
}

/* Copy n bytes to dst; dst is filled with zeros when bad. */
static inline void
rcur_bytes(struct rcur *r, void *dst, size_t n)
{
	struct span s = rcur_span(r, n);

	if (n == 0)
		return;
	if (s.n > 0)
		memcpy(dst, s.p, n);
	else
		memset(dst, 0, n);
}

/* Step over n reserved bytes; any that is not zero is a failure. */
static inline void
rcur_zero(struct rcur *r, size_t n)
{
	struct span s = rcur_span(r, n);

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != 0) {
			rcur_fail(r);
			return;
		}
	}
}

/* 0, or -EBADMSG when anything failed or bytes are left over. */
must_check static inline int
rcur_end(const struct rcur *r)
{
	return r->bad || r->n > 0 ? -EBADMSG : 0;
}

/* Write cursor over n bytes at p that the caller owns; at are written. */
struct wcur {
	uint8_t *p;
	size_t n, at;
	bool bad;
};

static inline struct wcur
wcur_init(void *p, size_t n)
{
	return (struct wcur){p, n, 0, false};
}

/*
 * Step over n bytes and return where they are, for the caller to fill; NULL
 * when there is no room, and then the cursor has failed.
 */
static inline uint8_t *
wcur_reserve(struct wcur *w, size_t n)
{
	uint8_t *p;

	if (w->bad || n > w->n - w->at) {
		w->bad = true;
		return NULL;
	}
	p = w->p + w->at;
	w->at += n;
	return p;
}

static inline void
wcur_u8(struct wcur *w, uint8_t v)
{
	uint8_t *p = wcur_reserve(w, 1);

	if (p)
		*p = v;
}

static inline void
wcur_u16(struct wcur *w, uint16_t v)
{
	uint8_t *p = wcur_reserve(w, 2);

	if (p)
		le16_put(p, v);
}

static inline void
wcur_u32(struct wcur *w, uint32_t v)
{
	uint8_t *p = wcur_reserve(w, 4);

	if (p)
		le32_put(p, v);
}

static inline void
wcur_u64(struct wcur *w, uint64_t v)
{
	uint8_t *p = wcur_reserve(w, 8);

	if (p)
		le64_put(p, v);
}

static inline void
wcur_i64(struct wcur *w, int64_t v)
{
	wcur_u64(w, (uint64_t)v);
}

static inline void
wcur_bytes(struct wcur *w, const void *src, size_t n)
{
	uint8_t *p;

	if (n == 0)
		return;
	p = wcur_reserve(w, n);
	if (p)
		memcpy(p, src, n);
}

static inline void
wcur_zero(struct wcur *w, size_t n)
{
	uint8_t *p;

	if (n == 0)
		return;
	p = wcur_reserve(w, n);
	if (p)
		memset(p, 0, n);
}

/* 0 and the written length in *ret_len, or -ENOSPC and *ret_len unchanged. */
must_check static inline int
wcur_end(const struct wcur *w, size_t *ret_len)
{
	if (w->bad)
		return -ENOSPC;
	*ret_len = w->at;
	return 0;
}

#endif
