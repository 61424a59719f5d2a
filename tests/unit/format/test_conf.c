/* SPDX-License-Identifier: Apache-2.0 */

/* store.conf: the exact text, and a newer store known before all else. */

#include "format/conf.h"
#include "tests/unit/format/torture.h"

static int
decode(const char *text)
{
	struct covered check;
	struct conf conf;

	return conf_decode(span_str(text), &conf, &check);
}

static void
text(void)
{
	static const char want[] = "muniment store\nformat 1\nsuite 1\n"
				   "store 000102030405060708090a0b0c0d0e0f\n"
				   "ledger-key a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
				   "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf\n"
				   "check ffffffffffffffffffffffffffffffff\n";
	uint8_t check[CONF_CHECK_SIZE];
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct covered covered;
	struct conf conf, back;

	memset(check, 0xff, sizeof(check));
	for (unsigned int i = 0; i < 32; i++) {
		conf.store.b[i % 16] = (uint8_t)(i % 16);
		conf.ledger_key[i] = (uint8_t)(0xa0 + i);
	}
	CHECK_EQ(conf_encode(&b, &conf), 0);
	CHECK_EQ(conf_encode_check(&b, check), 0);
	CHECK_EQ(b.n, CONF_SIZE);
	CHECK(span_eq(buf_span(&b), span_str(want)));
	CHECK_EQ(conf_decode(buf_span(&b), &back, &covered), 0);
	CHECK(store_id_equal(&back.store, &conf.store));
	CHECK_MEM(back.ledger_key, conf.ledger_key, 32);
	CHECK_EQ(covered.bytes.n, CONF_SIZE - 39);
	CHECK_MEM(covered.value, check, sizeof(check));
}

static void
newer(void)
{
	CHECK_EQ(decode("muniment store\nformat 2\n"), -EPROTONOSUPPORT);
	CHECK_EQ(decode("muniment store\nformat 2\nany\xff thing"),
		-EPROTONOSUPPORT);
	CHECK_EQ(decode("muniment store\nformat 99999999999999999999999\n"),
		-EPROTONOSUPPORT);
	CHECK_EQ(decode("muniment store\nformat 10\n"), -EPROTONOSUPPORT);
	CHECK_EQ(decode("muniment store\nformat 1\nsuite 2\n"),
		-EPROTONOSUPPORT);
	CHECK_EQ(decode("muniment store\nformat 2"), -EBADMSG);
	CHECK_EQ(decode("muniment store\nformat 02\n"), -EBADMSG);
	CHECK_EQ(decode("muniment store\nformat 0\n"), -EBADMSG);
	CHECK_EQ(decode("muniment store\nformat \n"), -EBADMSG);
	CHECK_EQ(decode("muniment store\nformat 2x\n"), -EBADMSG);
	CHECK_EQ(decode("muniment stores\nformat 2\n"), -EBADMSG);
	CHECK_EQ(decode(""), -EBADMSG);
}

static void
damage(void)
{
	torture("conf", TORTURE_FIXED);
}

CHECK_MAIN(TEST(text), TEST(newer), TEST(damage))
