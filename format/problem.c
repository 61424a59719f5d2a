/* SPDX-License-Identifier: Apache-2.0 */
#include "format/problem.h"

#include "format/field.h"

#define LIST_HEAD 4U
#define ROW_HEAD 10U

/* The part of a name that is stored: its last bytes. */
static struct span
name_kept(struct span name)
{
	if (name.n <= UINT16_MAX)
		return name;
	return span_of(name.p + (name.n - UINT16_MAX), UINT16_MAX);
}

size_t
problem_size(const struct problem *problem)
{
	return ROW_HEAD + name_kept(problem->name).n;
}

static void
problem_get(struct rcur *r, struct problem *ret)
{
	ret->reason = (enum problem_reason)rcur_u16(r);
	ret->path = rcur_u16(r);
	ret->err = rcur_u32(r);
	ret->name = field_get_bytes16(r);
}

static bool
problem_ok(const struct problem *problem)
{
	return problem->reason <= UINT16_MAX &&
	       field_reason_ok((uint16_t)problem->reason) &&
	       field_no_nul(problem->name);
}

int
problem_add(struct buf *list, const struct problem *problem)
{
	struct span name = name_kept(problem->name);
	size_t head = list->n == 0 ? LIST_HEAD : 0;
	struct wcur w;
	int err;

	if (!problem_ok(problem))
		return -EINVAL;
	if (head + list->n + problem_size(problem) > FORMAT_OBJECT_MAX)
		return -EFBIG;
	err = field_open(list, head + problem_size(problem), &w);
	if (err)
		return err;
	wcur_zero(&w, head);
	wcur_u16(&w, (uint16_t)problem->reason);
	wcur_u16(&w, problem->path);
	wcur_u32(&w, problem->err);
	field_put_bytes16(&w, name);
	field_commit(list, &w);
	le32_put(list->p, le32_get(list->p) + 1);
	return 0;
}

int
problem_open(struct span bytes, struct problems *ret)
{
	struct rcur r = rcur_init(bytes);
	struct problems problems;
	struct problem p;

	if (bytes.n > FORMAT_OBJECT_MAX)
		return -EBADMSG;
	problems.n = rcur_u32(&r);
	problems.rows = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < problems.n; i++) {
		problem_get(&r, &p);
		if (!rcur_ok(&r) || !problem_ok(&p))
			return -EBADMSG;
	}
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = problems;
	return 0;
}

bool
problem_next(struct rcur *at, struct problem *ret)
{
	if (rcur_left(at) == 0)
		return false;
	problem_get(at, ret);
	return rcur_ok(at);
}
