/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_PROBLEMS_H
#define PULL_PROBLEMS_H

#include "format/problem.h"
#include "pull/ingest.h"
#include "pull/ordinals.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* The list of what could not be read, on its way into the snapshot: a chain of
 * problem lists (docs/format.md 7.6), so that no number of problems is too
 * many for memory. */
struct problem_chain {
	struct buf list;
	struct ref last; /* the list before this one */
	bool chained;
};

must_check int problems_add(struct problem_chain *t, struct ingest *in,
	struct ordinal_map *packs, const struct problem *p, struct fault *f);

/* Store what is left; *ret is the head of the chain. At least one problem was
 * added. */
must_check int problems_end(struct problem_chain *t, struct ingest *in,
	struct ordinal_map *packs, struct ref *ret, struct fault *f);
void problems_free(struct problem_chain *t);

#endif
