/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_KNOWN_H
#define PULL_KNOWN_H

#include "format/types.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The objects of one open pack: id -> row, with a digest of the references
 * they were stored with. Ids are keyed hashes, so their first bytes serve as
 * hash values and nobody outside can make them collide. */
struct known_entry {
	struct id id;
	uint8_t refs[16];
	uint32_t row;
	bool used;
};

struct known {
	struct known_entry *v;
	size_t n;
	size_t cap; /* a power of two, or 0 */
};

/* The row of an object stored with these references, or false. */
bool known_find(const struct known *k, const struct id *id,
	const uint8_t refs[16], uint32_t *row);

/* Add, or replace what is there under the same id. 0 or -ENOMEM. */
must_check int known_add(struct known *k, const struct id *id,
	const uint8_t refs[16], uint32_t row);

/* Forget all entries, keep the memory. */
void known_clear(struct known *k);
void known_free(struct known *k);

#endif
