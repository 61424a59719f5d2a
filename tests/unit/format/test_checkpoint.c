/* SPDX-License-Identifier: Apache-2.0 */

/* Checkpoints: the exact text of a signed note. */

#include "format/checkpoint.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("checkpoint", TORTURE_FIXED);
}

static void
text(void)
{
	static const char want[] =
		"muniment.invalid/00112233445566778899aabbccddeeff\n"
		"12\n"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
		"\n"
		"\xe2\x80\x94 muniment.invalid/"
		"00112233445566778899aabbccddeeff "
		"AQIDBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	struct checkpoint c = {.size = 12, .key_hash = {1, 2, 3, 4}}, out;
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t input[CHECKPOINT_KEY_INPUT], key[32];

	for (unsigned int i = 0; i < 16; i++)
		c.store.b[i] = (uint8_t)(i * 0x11);
	CHECK_EQ(checkpoint_encode_text(&b, &c), 0);
	CHECK_EQ(b.n, 50 + 3 + 45);
	CHECK_EQ(checkpoint_encode_signature(&b, &c), 0);
	CHECK_EQ(b.n, strlen(want));
	CHECK_MEM(b.p, want, b.n);
	CHECK_EQ(checkpoint_decode(buf_span(&b), &out), 0);
	CHECK_EQ(out.size, 12);
	CHECK_EQ(out.text.n, 50 + 3 + 45);
	CHECK_MEM(out.key_hash, c.key_hash, 4);

	memset(key, 9, sizeof(key));
	checkpoint_key_input(&c.store, key, input);
	CHECK_MEM(input, want, 49);
	CHECK_EQ(input[49], '\n');
	CHECK_EQ(input[50], 1);
	CHECK_MEM(input + 51, key, 32);
}

/* The size of sample 1 (4711) as other digits of the same number. */
static void
sizes(void)
{
	CHECK_EQ(torture_patch("checkpoint", 1, 50, "9999", 4), 0);
	CHECK_EQ(torture_patch("checkpoint", 1, 50, "0711", 4), -EBADMSG);
	CHECK_EQ(torture_patch("checkpoint", 1, 50, " 711", 4), -EBADMSG);
	CHECK_EQ(torture_patch("checkpoint", 1, 50, "-711", 4), -EBADMSG);
	/* One more than u64 holds. */
	CHECK_EQ(torture_patch("checkpoint", 2, 50 + 19, "6", 1), -EBADMSG);
	CHECK_EQ(torture_patch("checkpoint", 2, 50, "9", 1), -EBADMSG);
}

/* The signer is the store that the text names. */
static void
signer(void)
{
	CHECK_EQ(torture_patch("checkpoint", 0, 17,
			 "00000000000000000000000000000000", 32),
		-EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(text), TEST(sizes), TEST(signer))
