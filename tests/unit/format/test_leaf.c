/* SPDX-License-Identifier: Apache-2.0 */

/* Ledger leaves: clear parts that keyless readers rely on, and frames. */

#include "format/leaf.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	/* The sealed body ends where the leaf ends; its tag will tell. */
	torture("leaf", TORTURE_OPEN);
	torture("leaf_body", TORTURE_FIXED);
	torture("leaf_frame", TORTURE_FIXED);
}

static int
patch64(unsigned int sample, size_t at, uint64_t v)
{
	uint8_t le[8];

	le64_put(le, v);
	return torture_patch("leaf", sample, at, le, 8);
}

static void
heads(void)
{
	static const uint8_t two[2] = {2}, eight[2] = {8}, zero[2];

	CHECK_EQ(torture_patch("leaf", 4, 0, two, 2), -EPROTONOSUPPORT);
	CHECK_EQ(torture_patch("leaf", 4, 0, zero, 2), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 4, 2, eight, 2), -EPROTONOSUPPORT);
	CHECK_EQ(torture_patch("leaf", 4, 2, zero, 2), -EBADMSG);
	/* No leaf is its own predecessor, nor names a later pull. */
	CHECK_EQ(patch64(4, 24, 14), 0);
	CHECK_EQ(patch64(4, 24, 15), -EBADMSG);
	CHECK_EQ(patch64(4, 48 + 8, 13), 0);
	CHECK_EQ(patch64(4, 48 + 8, 14), -EBADMSG);
	CHECK_EQ(patch64(5, 48, 15), -EBADMSG);
	CHECK_EQ(patch64(6, 48, 16), -EBADMSG);
}

/* A copy of a key structure belongs to the store that its leaf belongs to. */
static void
stores(void)
{
	static const uint8_t other[16] = {1};

	CHECK_EQ(torture_patch("leaf", 1, 32, other, 16), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 2, 32, other, 16), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 3, 32, other, 16), 0);
}

static void
snapshots(void)
{
	static const uint8_t flags[] = {0, 1, 2, 3, 4, 5, 6, 7, 9};
	static const bool good[] = {0, 1, 1, 0, 0, 1, 1, 0, 0};
	static const uint8_t one = 1;

	for (size_t i = 0; i < sizeof(flags); i++)
		CHECK_EQ(torture_patch("leaf", 5, 48 + 12, &flags[i], 1),
			good[i] ? 0 : -EBADMSG);
	/* Lock kind and time. */
	CHECK_EQ(torture_patch("leaf", 5, 48 + 16, &one, 1), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 5, 48 + 24, &one, 1), -EBADMSG);
}

static void
sizes(void)
{
	uint8_t *big = trip_array(FORMAT_LEAF_MAX + 1, 1);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf leaf;

	trip_named("leaf")->sample(3, &b);
	memcpy(big, b.p, b.n);
	CHECK_EQ(leaf_decode(span_of(big, FORMAT_LEAF_MAX), &leaf), 0);
	CHECK_EQ(leaf.sealed.n, FORMAT_LEAF_MAX - 48 - 8 - 24);
	CHECK_EQ(leaf_decode(span_of(big, FORMAT_LEAF_MAX + 1), &leaf),
		-EBADMSG);
	CHECK_EQ(leaf_decode(span_of(big, 48 + 8 + 40), &leaf), 0);
	CHECK_EQ(leaf_decode(span_of(big, 48 + 8 + 39), &leaf), -EBADMSG);
	free(big);
}

static void
bodies(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf_body body = {.source = span_str("a"),
		.location = span_str("/"),
		.root.addr = {1, 0}};
	char *text = trip_array(LEAF_TEXT_MAX + 1, 1);
	struct span out;

	memset(text, 'x', LEAF_TEXT_MAX + 1);
	CHECK_EQ(leaf_body_encode(&b, &body), 0);
	body.location = span_of(text, LEAF_TEXT_MAX);
	CHECK_EQ(leaf_body_encode(&b, &body), 0);
	body.location.n++;
	CHECK_EQ(leaf_body_encode(&b, &body), -EINVAL);
	body.location.n = 0;
	CHECK_EQ(leaf_body_encode(&b, &body), -EINVAL);
	body.location = span_str("/");
	body.source = span_str("A");
	CHECK_EQ(leaf_body_encode(&b, &body), -EINVAL);
	CHECK_EQ(leaf_pull_body_encode(&b, span_str("../x")), -EINVAL);
	buf_clear(&b);
	CHECK_EQ(buf_u16(&b, 0), 0);
	CHECK_EQ(leaf_pull_body_decode(buf_span(&b), &out), -EBADMSG);
	free(text);
}

static int
frame(struct leaf_frame f, uint64_t at)
{
	uint8_t bytes[LEAF_FRAME_SIZE];
	struct leaf_frame out;

	leaf_frame_encode(&f, bytes);
	return leaf_frame_decode(span_of(bytes, sizeof(bytes)), at, &out);
}

static void
frames(void)
{
	struct leaf_frame f = {LEAF_FRAME_LEAF, 88, 7, {0}};

	CHECK_EQ(leaf_frame_span(&f), 32 + 88);
	f.length = 89;
	CHECK_EQ(leaf_frame_span(&f), 32 + 96);
	CHECK_EQ(frame(f, 0), 0);
	CHECK_EQ(frame(f, 4), -EBADMSG);
	f.length = 87;
	CHECK_EQ(frame(f, 0), -EBADMSG);
	f.length = FORMAT_LEAF_MAX + 1;
	CHECK_EQ(frame(f, 0), -EBADMSG);
	/* A pad names what lies right before it. */
	f = (struct leaf_frame){LEAF_FRAME_PAD, 16, 24, {0}};
	CHECK_EQ(leaf_frame_span(&f), 32);
	CHECK_EQ(frame(f, 40), 0);
	CHECK_EQ(frame(f, 48), -EBADMSG);
	CHECK_EQ(frame(f, 32), -EBADMSG);
	CHECK_EQ(frame(f, 8), -EBADMSG);
	f.length = 0;
	CHECK_EQ(frame(f, 24), -EBADMSG);
	f.length = 12;
	CHECK_EQ(frame(f, 36), -EBADMSG);
}

static void
from_one(void)
{
	static const uint8_t zero[4];

	/* Compartments of pull, pack and snapshot; ordinal of the pack. */
	CHECK_EQ(torture_patch("leaf", 3, 48, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 4, 48, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 4, 48 + 4, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("leaf", 5, 48 + 8, zero, 4), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(heads), TEST(stores), TEST(snapshots),
	TEST(sizes), TEST(bodies), TEST(frames), TEST(from_one))
