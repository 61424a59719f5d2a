/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_ORDINALS_H
#define PULL_ORDINALS_H

#include "util/buf.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of pack ordinals: a sorted list for what one file needs, and a bitmap
 * for what a whole snapshot needs. */
struct ordinals {
	uint32_t *v;
	size_t n;
	size_t cap;
};

/* Add one. 0 or -ENOMEM. */
must_check int ordinals_add(struct ordinals *o, uint32_t ordinal);
void ordinals_clear(struct ordinals *o);
void ordinals_free(struct ordinals *o);

/* Append as little-endian u32, ascending. 0 or -ENOMEM. */
must_check int ordinals_encode(const struct ordinals *o, struct buf *out);

struct ordinal_map {
	uint64_t *words;
	size_t n; /* words */
};

must_check int ordinal_map_set(struct ordinal_map *m, uint32_t ordinal);
must_check int ordinal_map_add(struct ordinal_map *m, const struct ordinals *o);
void ordinal_map_free(struct ordinal_map *m);

/* All that are set, ascending, appended to o. */
must_check int ordinal_map_list(
	const struct ordinal_map *m, struct ordinals *o);

#endif
