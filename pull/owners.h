/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_OWNERS_H
#define PULL_OWNERS_H

#include "format/directory.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stddef.h>
#include <stdint.h>

/* Names of users and groups that the source told. */
struct owners {
	struct owner *v; /* ascending by kind and number; names are owned */
	size_t n;
	size_t cap;
};

/* Remember a name; one that is known is kept. -EOVERFLOW beyond OWNERS_MAX,
 * -ENOMEM. */
#define OWNERS_MAX 131072u
must_check int owners_add(struct owners *o, const struct owner *owner);

/* The name of a number, or NULL. Valid until the next owners_add. */
const struct owner *owners_find(
	const struct owners *o, enum owner_kind kind, uint32_t number);
void owners_free(struct owners *o);

/* The owners that some entries use: a set to fill and then encode. */
struct owner_set {
	struct owner *v;
	size_t n;
	size_t cap;
};

/* Add the names of an entry's user and group, as far as they have any. */
must_check int owner_set_add(struct owner_set *s, const struct owners *all,
	uint32_t user, uint32_t group);
void owner_set_clear(struct owner_set *s);
void owner_set_free(struct owner_set *s);

#endif
