/* SPDX-License-Identifier: Apache-2.0 */

/* Stat records: keys that keep a subtree together, values in order. */

#include "format/directory.h"
#include "format/statrec.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("statrec", TORTURE_FIXED);
}

static void
keys(void)
{
	static const uint8_t want[] = {1, 's', 's', 's', 's', 's', 's', 's',
		's', 0x12, 0x34, 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'c', 'r',
		'r', 'r', 'r', 'r', 'r', 'r', 'r'};
	uint8_t *many = trip_array(513, STATREC_HASH);
	struct statrec_key key = {.path = 0x1234};
	_cleanup_buf_ struct buf b = BUF_INIT;

	memset(key.source, 's', sizeof(key.source));
	memset(key.range, 'r', sizeof(key.range));
	key.components = span_str("cccccccc");
	CHECK_EQ(statrec_key_encode(&b, &key), 0);
	CHECK_EQ(b.n, sizeof(want));
	CHECK_MEM(b.p, want, sizeof(want));
	buf_clear(&b);
	key.components = span_of(many, 512 * STATREC_HASH);
	CHECK_EQ(statrec_key_encode(&b, &key), 0);
	CHECK_EQ(b.n, STATREC_KEY_MAX);
	key.components.n += STATREC_HASH;
	CHECK_EQ(statrec_key_encode(&b, &key), -EINVAL);
	key.components.n = 7;
	CHECK_EQ(statrec_key_encode(&b, &key), -EINVAL);
	key.deep = true;
	key.components.n = STATREC_DEEP;
	CHECK_EQ(statrec_key_encode(&b, &key), 0);
	key.components.n = STATREC_HASH;
	CHECK_EQ(statrec_key_encode(&b, &key), -EINVAL);
	free(many);
}

static void
entries(void)
{
	static const uint8_t up[] = {1, 0, 0, 0, 2, 0, 0, 0};
	static const uint8_t twice[] = {2, 0, 0, 0, 2, 0, 0, 0};
	static const uint8_t zero[4];
	struct statrec_entry e = {.kind = FILE_REGULAR};
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(statrec_entry_encode(&b, &e), 0);
	e.packs = (struct statrec_ordinals){{up, 8}, 2};
	CHECK_EQ(statrec_entry_encode(&b, &e), 0);
	CHECK_EQ(statrec_ordinal(&e.packs, 1), 2);
	e.packs.n = 1;
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.packs = (struct statrec_ordinals){{twice, 8}, 2};
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.packs = (struct statrec_ordinals){{zero, 4}, 1};
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.packs = (struct statrec_ordinals){{NULL, 0}, 0};
	e.content = OBJECT_CHUNK;
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.content_ref.addr.ordinal = 1;
	CHECK_EQ(statrec_entry_encode(&b, &e), 0);
	e.content = OBJECT_LINK;
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.content = 0;
	e.has_attrs = true;
	e.attrs_ref.addr.ordinal = 1;
	CHECK_EQ(statrec_entry_encode(&b, &e), -EINVAL);
	e.flags = DIRENT_ATTRS;
	CHECK_EQ(statrec_entry_encode(&b, &e), 0);
}

static void
values(void)
{
	static const uint8_t two[2] = {2};
	_cleanup_buf_ struct buf list = BUF_INIT, b = BUF_INIT;
	struct statrec_entry e = {.kind = FILE_FIFO, .hash = {5}};
	struct statrec rec = {.n = 2};

	TRIP_MUST(statrec_entry_encode(&list, &e) == 0);
	e.hash[15] = 1;
	TRIP_MUST(statrec_entry_encode(&list, &e) == 0);
	rec.entries = buf_span(&list);
	CHECK_EQ(statrec_encode(&b, &rec), 0);
	TRIP_MUST(statrec_entry_encode(&list, &e) == 0);
	rec.entries = buf_span(&list);
	CHECK_EQ(statrec_encode(&b, &rec), -EINVAL);
	rec.n = 3;
	CHECK_EQ(statrec_encode(&b, &rec), -EINVAL);
	CHECK_EQ(torture_patch("statrec", 0, 0, two, 2), -EPROTONOSUPPORT);
}

static void
directories(void)
{
	static const uint8_t chunk = OBJECT_CHUNK, zero[4];

	/* Ordinal of its object, type of it. */
	CHECK_EQ(torture_patch("statrec", 0, 32 + 32, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("statrec", 0, 32 + 40, &chunk, 1), -EBADMSG);
	/* Kind of the first entry. */
	CHECK_EQ(torture_patch("statrec", 2, 32 + 16, zero, 1), -EBADMSG);
	CHECK_EQ(torture_patch("statrec", 2, 32 + 16, "\x8", 1), -EBADMSG);
	/* Unknown flags of the value. */
	CHECK_EQ(torture_patch("statrec", 2, 2, "\2", 1), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(keys), TEST(entries), TEST(values),
	TEST(directories))
