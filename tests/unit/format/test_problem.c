/* SPDX-License-Identifier: Apache-2.0 */

/* Problem lists: they grow to an object's limit and not beyond. */

#include "format/problem.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("problem", TORTURE_FIXED);
}

static void
lists(void)
{
	struct problem p = {PROBLEM_LINK, 2, 13, span_str("a/b")};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct problems problems;
	struct problem out;
	struct rcur at;

	CHECK_EQ(problem_add(&b, &p), 0);
	CHECK_EQ(b.n, 4 + problem_size(&p));
	p.reason = (enum problem_reason)9;
	CHECK_EQ(problem_add(&b, &p), -EINVAL);
	p.reason = PROBLEM_CHANGED;
	p.name = span_of("a\0b", 3);
	CHECK_EQ(problem_add(&b, &p), -EINVAL);
	CHECK_EQ(problem_open(buf_span(&b), &problems), 0);
	CHECK_EQ(problems.n, 1);
	at = rcur_init(problems.rows);
	CHECK(problem_next(&at, &out));
	CHECK_EQ(out.reason, PROBLEM_LINK);
	CHECK_EQ(out.path, 2);
	CHECK_EQ(out.err, 13);
	CHECK(span_eq(out.name, span_str("a/b")));
	CHECK(!problem_next(&at, &out));
}

static void
long_names(void)
{
	uint8_t *name = trip_array(70000, 1);
	struct problem p = {PROBLEM_NOT_OPENED, 0, 2, {name, 70000}};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct problems problems;
	struct problem out;
	struct rcur at;
	int err;

	memset(name, 'x', 70000);
	name[70000 - 65535] = 'y';
	name[70000 - 1] = 'z';
	CHECK_EQ(problem_add(&b, &p), 0);
	CHECK_EQ(problem_open(buf_span(&b), &problems), 0);
	at = rcur_init(problems.rows);
	CHECK(problem_next(&at, &out));
	CHECK_EQ(out.name.n, 65535);
	CHECK_EQ(out.name.p[0], 'y');
	CHECK_EQ(out.name.p[65534], 'z');
	do {
		err = problem_add(&b, &p);
	} while (!err);
	CHECK_EQ(err, -EFBIG);
	CHECK(b.n + problem_size(&p) > FORMAT_OBJECT_MAX);
	CHECK_EQ(problem_open(buf_span(&b), &problems), 0);
	CHECK_EQ(problems.n, 15);
	free(name);
}

static void
reasons(void)
{
	static const uint8_t nine[2] = {9}, zero[2];

	CHECK_EQ(torture_patch("problem", 0, 4, nine, 2), -EBADMSG);
	CHECK_EQ(torture_patch("problem", 0, 4, zero, 2), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(lists), TEST(long_names), TEST(reasons))
