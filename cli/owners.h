/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OWNERS_H
#define CLI_OWNERS_H

/* Names of users and groups for a listing, each looked up once. */

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/place.h"

struct owners_row {
	enum owner_kind kind;
	uint32_t number;
	struct buf name;
};

/* Starts as all zero. */
struct owners {
	struct owners_row *v;
	size_t n, cap;
};

/* The name for an entry's user or group, empty when the source told none;
 * borrowed until the next call. Faults: those of place_owner, no-memory. */
must_check int owners_name(struct owners *o, struct view_snap *s,
	const struct place *p, enum owner_kind kind, struct span *ret,
	struct fault *f);
void owners_free(struct owners *o);

#endif
