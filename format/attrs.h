/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_ATTRS_H
#define FORMAT_ATTRS_H

/* Attribute sets, docs/format.md 7.4. */

#include "format/types.h"
#include "util/buf.h"

/* An extended attribute; name: 1 to 255 bytes, no NUL. */
struct attr {
	struct span name;
	struct span value;
};

struct attrs {
	uint32_t n;
	struct span rows;
};

/*
 * Append a set of n attributes (0 too). -EINVAL when names do not ascend or
 * the set is above FORMAT_OBJECT_MAX.
 */
must_check int attrs_encode(struct buf *b, const struct attr *attr, size_t n);

/* Check a whole set. */
must_check int attrs_open(struct span bytes, struct attrs *ret);

/* Start from rcur_init(attrs.rows); false at the end. */
bool attrs_next(struct rcur *at, struct attr *ret);

/* -ENOENT when the set has no such name. */
must_check int attrs_find(
	const struct attrs *attrs, struct span name, struct span *ret_value);

#endif
