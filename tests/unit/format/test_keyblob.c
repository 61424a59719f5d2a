/* SPDX-License-Identifier: Apache-2.0 */

/* Key structures: limits, order, and what their hashes cover. */

#include "format/keyblob.h"
#include "tests/unit/format/torture.h"

static int
patch32(const char *name, unsigned int sample, size_t at, uint32_t v)
{
	uint8_t le[4];

	le32_put(le, v);
	return torture_patch(name, sample, at, le, 4);
}

static void
damage(void)
{
	torture("vault", TORTURE_FIXED);
	torture("recipient", TORTURE_FIXED);
	torture("epoch", TORTURE_FIXED);
	torture("payload", TORTURE_FIXED);
}

static void
vault(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct keyblob_vault out;
	struct covered check;
	uint8_t room[KEYBLOB_VAULT_SIZE(2)];
	struct wcur w;

	trip_named("vault")->sample(1, &b);
	CHECK_EQ(keyblob_vault_decode(buf_span(&b), &out, &check), 0);
	CHECK_EQ(out.n, 2);
	CHECK_EQ(out.compartment[1].compartment, 6);
	CHECK_EQ(check.bytes.n, 96 + 80);
	CHECK_MEM(check.value, b.p + 96 + 80, 32);
	/* Ascending, from 1, and between 1 and 64 of them. */
	CHECK_EQ(patch32("vault", 1, 96, 6), -EBADMSG);
	CHECK_EQ(patch32("vault", 1, 96, 0), -EBADMSG);
	CHECK_EQ(patch32("vault", 0, 12, 0), -EBADMSG);
	CHECK_EQ(patch32("vault", 0, 12, 65), -EBADMSG);
	CHECK_EQ(patch32("vault", 0, 8, 2 | 1 << 16), -EPROTONOSUPPORT);
	CHECK_EQ(patch32("vault", 0, 8, 1 | 2 << 16), -EPROTONOSUPPORT);
	/* Nothing is written where not all would fit. */
	w = wcur_init(room, KEYBLOB_VAULT_SIZE(2) - 33);
	CHECK_EQ(keyblob_vault_encode(&w, &out), -EINVAL);
	CHECK_EQ(w.at, 0);
	out.compartment[1].compartment = 1;
	w = wcur_init(room, sizeof(room));
	CHECK_EQ(keyblob_vault_encode(&w, &out), -EINVAL);
}

static void
recipient(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct keyblob_recipient out;

	trip_named("recipient")->sample(0, &b);
	CHECK_EQ(b.n, KEYBLOB_RECIPIENT_SIZE);
	CHECK_EQ(keyblob_recipient_decode(buf_span(&b), &out), 0);
	CHECK_MEM(out.sealed, b.p + 184, 80);
	CHECK_MEM(out.commitment, b.p + 152, 32);
	CHECK_MEM(out.salt, b.p + 96, 16);
	/* A blob must not make a reader spend more than this. */
	CHECK_EQ(patch32("recipient", 1, 112, (1U << 30) + 1), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 116, 1), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 112, 8191), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 120, 17), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 120, 0), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 124, 2), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 4, 0), -EBADMSG);
	CHECK_EQ(patch32("recipient", 0, 8, 2), -EBADMSG);
	out.passes = 17;
	buf_clear(&b);
	CHECK_EQ(keyblob_recipient_encode(&b, &out), -EINVAL);
	CHECK_EQ(b.n, 0);
}

static void
epoch(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct keyblob_epoch out;
	struct span wrap;

	trip_named("epoch")->sample(1, &b);
	CHECK_EQ(keyblob_epoch_decode(buf_span(&b), &out), 0);
	CHECK_EQ(out.n, 2);
	CHECK_EQ(keyblob_epoch_find(&out, 3, &wrap), 0);
	CHECK(wrap.p == b.p + 64 + 216 + 8);
	CHECK_EQ(wrap.n, KEYBLOB_EPOCH_WRAP);
	CHECK_EQ(keyblob_epoch_find(&out, 2, &wrap), -ENOENT);
	/* Recipients ascend; suite and length of a wrap are known. */
	CHECK_EQ(patch32("epoch", 1, 64, 3), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 64, 0), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 68, 2 | 208 << 16), -EPROTONOSUPPORT);
	CHECK_EQ(patch32("epoch", 1, 68, 1 | 207 << 16), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 12, 0), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 12, 65), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 4, 0), -EBADMSG);
	CHECK_EQ(patch32("epoch", 1, 8, 0), -EBADMSG);
}

static void
wrap_length(void)
{
	uint8_t bytes[KEYBLOB_WRAP_SIZE(32)] = {0};
	struct keyblob_wrap wrap;

	CHECK_EQ(sizeof(bytes), 112);
	CHECK_EQ(keyblob_wrap_decode(span_of(bytes, sizeof(bytes)), 32, &wrap),
		0);
	CHECK(wrap.sealed.p == bytes + 64);
	CHECK_EQ(keyblob_wrap_decode(span_of(bytes, sizeof(bytes)), 33, &wrap),
		-EBADMSG);
	CHECK_EQ(keyblob_wrap_decode(span_of(bytes, sizeof(bytes)), 31, &wrap),
		-EBADMSG);
}

/* As many compartments and wraps as there may be. */
static void
fullest(void)
{
	static const uint8_t secret[32];
	uint8_t room[KEYBLOB_VAULT_SIZE(KEYBLOB_COMPARTMENTS_MAX)] = {0};
	uint8_t wrap[KEYBLOB_EPOCH_WRAP] = {0};
	struct keyblob_epoch_wrap row[KEYBLOB_EPOCH_WRAPS_MAX + 1];
	struct keyblob_vault vault = {
		.log_key = secret, .ledger_seed = secret, .n = 64};
	struct keyblob_epoch epoch = {.compartment = 1, .epoch = 1};
	struct wcur w = wcur_init(room, sizeof(room));
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct covered check;

	for (uint32_t i = 0; i < 64; i++)
		vault.compartment[i] =
			(struct keyblob_compartment){i + 1, secret};
	CHECK_EQ(keyblob_vault_encode(&w, &vault), 0);
	CHECK_EQ(keyblob_vault_decode(
			 span_of(room, sizeof(room)), &vault, &check),
		0);
	vault.n = 65;
	w = wcur_init(room, sizeof(room));
	CHECK_EQ(keyblob_vault_encode(&w, &vault), -EINVAL);
	vault.n = 0;
	CHECK_EQ(keyblob_vault_encode(&w, &vault), -EINVAL);
	for (uint32_t i = 0; i <= KEYBLOB_EPOCH_WRAPS_MAX; i++)
		row[i] = (struct keyblob_epoch_wrap){
			i + 1, span_of(wrap, sizeof(wrap))};
	CHECK_EQ(keyblob_epoch_encode(&b, &epoch, row, 65), -EINVAL);
	CHECK_EQ(keyblob_epoch_encode(&b, &epoch, row, 0), -EINVAL);
	CHECK_EQ(b.n, 0);
	CHECK_EQ(keyblob_epoch_encode(&b, &epoch, row, 64), 0);
	CHECK_EQ(keyblob_epoch_decode(buf_span(&b), &epoch), 0);
	CHECK_EQ(epoch.n, 64);
}

CHECK_MAIN(TEST(damage), TEST(vault), TEST(recipient), TEST(epoch),
	TEST(wrap_length), TEST(fullest))
