/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the problems of a snapshot are told to the last, however many lists
 * hold them; what is no such chain is refused.
 */
#include "format/problem.h"
#include "tests/unit/view/made.h"

/* A list of one problem, and what it refers to. */
static struct ref
make_list(struct made *m, uint32_t err, const struct ref *next, size_t n)
{
	const struct problem p = {PROBLEM_NOT_OPENED, 0, err, span_str("name")};
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(problem_add(&b, &p), 0);
	return made_object(m, OBJECT_PROBLEMS, b.p, b.n, next, n);
}

static void
commit(struct made *m, uint64_t problems, struct ref list, struct session *s,
	struct view_snap **snap)
{
	static const char *const paths[] = {"/srv"};
	struct made_entry root = made_entry("", FILE_DIRECTORY);

	made_directory(m, &root, NULL, 0, 8, 2);
	made_problems(m, problems, list);
	made_commit(m, paths, &root, 1);
	made_open(made_store(m), s, snap);
	made_free(m);
}

/* They come in the order of their numbers. */
static int
tell(void *ctx, const struct problem *p)
{
	uint32_t *seen = ctx;

	CHECK_EQ(p->err, ++*seen);
	return 0;
}

static void
lists_go_on(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct view_snap *snap;
	uint32_t seen = 0;
	struct ref list;

	list = make_list(m, 3, NULL, 0);
	list = make_list(m, 2, &list, 1);
	list = make_list(m, 1, &list, 1);
	commit(m, 3, list, &s, &snap);
	CHECK(LIB_OK(view_problems_each(snap, tell, &seen, &f)));
	CHECK_EQ(seen, 3);
	view_snap_close(snap);
}

/* The next of a list is one list, or none. */
static void
a_list_has_one_next(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct view_snap *snap;
	struct ref next[2];
	uint32_t seen = 0;

	next[0] = make_list(m, 2, NULL, 0);
	next[1] = make_list(m, 3, NULL, 0);
	commit(m, 3, make_list(m, 1, next, 2), &s, &snap);
	LIB_FAULT(FAULT_OBJECT_DAMAGED,
		view_problems_each(snap, tell, &seen, &f));
	view_snap_close(snap);
}

CHECK_MAIN(TEST(lists_go_on), TEST(a_list_has_one_next))
