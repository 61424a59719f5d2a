/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_PAGES_H
#define PULL_PAGES_H

#include "format/directory.h"
#include "format/types.h"
#include "pull/ingest.h"
#include "pull/ordinals.h"
#include "pull/owners.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdint.h>

/*
 * One directory: entries in order -> pages and the nodes above them
 * (docs/format.md 7.2, 7.3). Takes memory from the first entry on: a page and
 * a node a level.
 */
struct pages {
	struct ingest *in;
	const struct owners *owners;
	struct pages_state *state; /* NULL before the first entry */
};

void pages_init(
	struct pages *p, struct ingest *in, const struct owners *owners);
void pages_free(struct pages *p);

/* Add the next entry; content (if e->content is not 0) and attrs (if it has
 * the flag) are its references. Names ascend: the caller's duty. */
must_check int pages_add(struct pages *p, const struct dirent_rec *e,
	const struct ref *content, const struct ref *attrs, struct fault *f);

/* A finished directory. packs are those of its pages and nodes; valid until
 * pages_free. */
struct pages_result {
	struct ref ref;
	enum object_type type;
	uint64_t below;
	uint64_t bytes;
	const struct ordinals *packs;
};

must_check int pages_end(
	struct pages *p, struct pages_result *ret, struct fault *f);

#endif
