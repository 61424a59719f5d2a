/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_PROBLEM_H
#define FORMAT_PROBLEM_H

/* Problem lists, docs/format.md 7.6. */

#include "format/types.h"
#include "util/buf.h"

struct problem {
	enum problem_reason reason;
	uint16_t path; /* number in the snapshot root */
	uint32_t err;  /* errno at the source, positive; 0: none */
	struct span name;
};

struct problems {
	uint32_t n;
	struct span rows;
};

/* Bytes that a problem adds to a list. */
size_t problem_size(const struct problem *problem);

/*
 * Add to a list; an empty buffer becomes a list of one. A name of more than
 * 65535 bytes keeps its last. -EFBIG when the list would pass
 * FORMAT_OBJECT_MAX: begin another.
 */
must_check int problem_add(struct buf *list, const struct problem *problem);

/* Check a whole list. */
must_check int problem_open(struct span bytes, struct problems *ret);

/* Start from rcur_init(problems.rows); false at the end. */
bool problem_next(struct rcur *at, struct problem *ret);

#endif
