/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/problems.h"

#include <errno.h>

static int
store_list(struct problem_chain *t, struct ingest *in,
	struct ordinal_map *packs, struct fault *f)
{
	struct ref ref;
	int r;

	r = ingest_put(in, OBJECT_PROBLEMS, buf_span(&t->list), &t->last,
		t->chained ? 1 : 0, &ref, f);
	if (r != 0)
		return r;
	if (ordinal_map_set(packs, ref.addr.ordinal) != 0)
		return fault_set(f, FAULT_NO_MEMORY, "problem list", NULL);
	t->last = ref;
	t->chained = true;
	buf_clear(&t->list);
	return 0;
}

int
problems_add(struct problem_chain *t, struct ingest *in,
	struct ordinal_map *packs, const struct problem *p, struct fault *f)
{
	int r = problem_add(&t->list, p);

	if (r == -EFBIG) {
		r = store_list(t, in, packs, f);
		if (r != 0)
			return r;
		r = problem_add(&t->list, p);
	}
	return r == 0 ? 0
		      : fault_errno(
				f, FAULT_INTERNAL, r, "problem list", "entry");
}

int
problems_end(struct problem_chain *t, struct ingest *in,
	struct ordinal_map *packs, struct ref *ret, struct fault *f)
{
	int r = t->list.n > 0 ? store_list(t, in, packs, f) : 0;

	*ret = t->last;
	return r;
}

void
problems_free(struct problem_chain *t)
{
	buf_free(&t->list);
}
