/* SPDX-License-Identifier: Apache-2.0 */

/* Manifests: ascending rows, found by ordinal. */

#include "format/manifest.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("manifest", TORTURE_FIXED);
}

static void
find(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct manifest m;
	struct root root;

	trip_named("manifest")->sample(2, &b);
	CHECK_EQ(manifest_open(buf_span(&b), &m), 0);
	CHECK_EQ(m.pull, 12);
	CHECK_EQ(m.n, 7);
	for (uint32_t ordinal = 0; ordinal < 25; ordinal++) {
		bool there = ordinal % 3 == 1 && ordinal < 20;
		int err = manifest_find(&m, ordinal, &root);

		CHECK_EQ(err, there ? 0 : -ENOENT);
		if (there)
			CHECK_MEM(root.b, b.p + 40 + ordinal / 3 * 36 + 4, 32);
	}
	CHECK_EQ(manifest_find(&m, UINT32_MAX, &root), -ENOENT);
}

static void
refusals(void)
{
	static const uint8_t four[4] = {4}, zero[4], two[2] = {2};
	static const uint8_t many[4] = {1, 0, 0, 1};

	CHECK_EQ(torture_patch("manifest", 2, 40, four, 4), -EBADMSG);
	CHECK_EQ(torture_patch("manifest", 2, 40, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("manifest", 2, 12, many, 4), -EBADMSG);
	CHECK_EQ(torture_patch("manifest", 2, 8, two, 2), -EPROTONOSUPPORT);
	CHECK_EQ(torture_patch("manifest", 2, 10, two, 2), -EPROTONOSUPPORT);
}

CHECK_MAIN(TEST(damage), TEST(find), TEST(refusals))
