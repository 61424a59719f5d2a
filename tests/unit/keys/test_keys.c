/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is sealed opens only for its addressee, with its context, whole;
 * and the hashes are those of the standards. */
#include "tests/lib/check.h"

#include "format/keyblob.h"
#include "keys/digest.h"
#include "keys/id.h"
#include "keys/log.h"
#include "keys/open.h"
#include "keys/recipient.h"
#include "keys/ref.h"
#include "keys/seal.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "keys/stat.h"
#include "keys/verify.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>

static long
status_kib(const char *field)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtol(line + strlen(field), NULL, 10);
	if (f != NULL)
		fclose(f);
	return kib;
}

static void
arena_is_locked_and_wiped(void)
{
	uint8_t *p = secmem_alloc(100), *q;
	size_t i, sum = 0;

	if (!CHECK(p != NULL))
		return;
#ifndef __SANITIZE_ADDRESS__
	/* The address sanitizer turns mlock into nothing. */
	CHECK(status_kib("VmLck:") >= (long)(SECMEM_SIZE / 1024));
#endif
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	memset(p, 0xa5, 100);
	secmem_free(p);
	q = secmem_alloc(100);
	CHECK(q == p);
	for (i = 0; i < 100; i++)
		sum += q[i];
	CHECK_EQ(sum, 0);
	secmem_free(q);
	CHECK(secmem_alloc(SECMEM_SIZE) == NULL);
}

static void
arena_gives_separate_pieces(void)
{
	uint8_t *p[64];
	size_t i;

	for (i = 0; i < 64; i++) {
		p[i] = secmem_alloc(i * 7 + 1);
		if (CHECK(p[i] != NULL))
			memset(p[i], (int)i, i * 7 + 1);
	}
	for (i = 0; i < 64; i++) {
		CHECK_EQ(p[i][0], i);
		CHECK_EQ(p[i][i * 7], i);
		secmem_free(p[i]);
	}
}

/* FIPS 180-4, "abc"; RFC 6962 uses it with a prefix. */
static void
sha256_is_the_standards(void)
{
	static const uint8_t want[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01,
		0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10,
		0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	const struct span parts[] = {span_str("a"), span_str("bc")};
	uint8_t got[32];

	digest_sha256(got, parts, 2);
	CHECK_MEM(got, want, 32);
}

/* The stack in digest_slice_root against the definition, by recursion. */
static void
tree_by_definition(struct root *out, const struct root *leaf, size_t n)
{
	uint8_t cat[65];
	struct span s = {cat, sizeof(cat)};
	struct root l, r;
	size_t k = 1;

	if (n == 1) {
		*out = leaf[0];
		return;
	}
	while (2 * k < n)
		k *= 2;
	tree_by_definition(&l, leaf, k);
	tree_by_definition(&r, leaf + k, n - k);
	cat[0] = 1;
	memcpy(cat + 1, l.b, 32);
	memcpy(cat + 33, r.b, 32);
	digest_blake2b(out->b, 32, &s, 1);
}

static void
slice_tree_has_the_shape(void)
{
	struct root leaf[40], top, want, got;
	uint8_t cat[37] = {2};
	struct span s = {cat, sizeof(cat)};
	size_t n;

	random_bytes(leaf, sizeof(leaf));
	for (n = 1; n <= 40; n++) {
		tree_by_definition(&top, leaf, n);
		cat[1] = (uint8_t)n;
		memcpy(cat + 5, top.b, 32);
		digest_blake2b(want.b, 32, &s, 1);
		digest_slice_root(&got, leaf, n);
		CHECK_MEM(got.b, want.b, 32);
	}
}

static void
wrap_opens_for_its_addressee_alone(void)
{
	struct key secret, other;
	struct secret_key sk, wrong;
	uint8_t wrap[32 + SEAL_WRAP_EXTRA], plain[32], out[32];
	struct span context = span_str("context");
	size_t i;

	random_bytes(&secret, sizeof(secret));
	random_bytes(&other, sizeof(other));
	random_bytes(plain, sizeof(plain));
	open_pair(&sk, &secret);
	open_pair(&wrong, &other);
	CHECK_EQ(seal_wrap(wrap, &sk.pk, "test", context, span_of(plain, 32)),
		0);
	CHECK_EQ(open_wrap(out, &sk, "test", context,
			 span_of(wrap, sizeof(wrap))),
		0);
	CHECK_MEM(out, plain, 32);
	CHECK_EQ(open_wrap(out, &wrong, "test", context,
			 span_of(wrap, sizeof(wrap))),
		-EBADMSG);
	CHECK_EQ(open_wrap(out, &sk, "tesu", context,
			 span_of(wrap, sizeof(wrap))),
		-EBADMSG);
	CHECK_EQ(open_wrap(out, &sk, "test", span_str("contexu"),
			 span_of(wrap, sizeof(wrap))),
		-EBADMSG);
	for (i = 0; i < 8 * sizeof(wrap); i++) {
		/* X25519 ignores the top bit of a public key (RFC 7748), but
		 * the wrap's key is bound to all of its bytes. */
		wrap[i / 8] ^= (uint8_t)(1 << (i % 8));
		CHECK_EQ(open_wrap(out, &sk, "test", context,
				 span_of(wrap, sizeof(wrap))),
			-EBADMSG);
		wrap[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
	for (i = 0; i < sizeof(wrap); i++)
		CHECK_EQ(open_wrap(out, &sk, "test", context, span_of(wrap, i)),
			-EBADMSG);
}

static void
low_order_keys_are_refused(void)
{
	const struct public_key zero = {{0}}, one = {{1}};
	uint8_t wrap[32 + SEAL_WRAP_EXTRA], plain[32] = {0};

	CHECK_EQ(seal_wrap(
			 wrap, &zero, "test", span_str(""), span_of(plain, 32)),
		-EINVAL);
	CHECK_EQ(
		seal_wrap(wrap, &one, "test", span_str(""), span_of(plain, 32)),
		-EINVAL);
}

static void
passphrase_opens_recipient_and_epoch(void)
{
	_cleanup_buf_ struct buf blob = BUF_INIT, record = BUF_INIT;
	const struct store_id store = {{1, 2, 3}}, foreign = {{9}};
	const struct span phrase = span_str("a p\303\244ssphrase");
	struct key compartment, log;
	struct epoch_recipient to = {.number = 1};
	uint8_t ledger[32];
	struct recipient r;
	struct epoch e;
	struct fault f = {0};

	random_bytes(ledger, 32);
	random_bytes(&compartment, sizeof(compartment));
	random_bytes(&log, sizeof(log));
	CHECK_EQ(recipient_make(&blob, &to.pk, 1, &store, ledger, phrase,
			 &recipient_cost_default),
		0);
	CHECK_EQ(recipient_open(&r, buf_span(&blob), span_str("wrong"), &f),
		-EKEYREJECTED);
	CHECK_EQ(f.code, FAULT_WRONG_PASSPHRASE);
	CHECK_EQ(recipient_open(&r, buf_span(&blob), phrase, NULL), 0);
	CHECK_MEM(r.ledger_pk, ledger, 32);
	CHECK_MEM(r.x25519.pk.b, to.pk.b, 32);
	CHECK_EQ(epoch_make(&record, 1, 7, &store, &compartment, &log, &to, 1),
		0);
	CHECK_EQ(epoch_open(&e, buf_span(&record), &store, &r, NULL), 0);
	CHECK_MEM(e.compartment_secret.b, compartment.b, 32);
	CHECK_MEM(e.log_key.b, log.b, 32);
	CHECK_EQ(e.number, 7);
	CHECK(epoch_open(&e, buf_span(&record), &foreign, &r, NULL) < 0);
	r.number = 2;
	CHECK_EQ(epoch_open(&e, buf_span(&record), &store, &r, NULL), -ENOKEY);
	/* Pinned ledger key and secret are covered by the tag. */
	blob.p[200] ^= 1;
	f = (struct fault){0};
	CHECK_EQ(recipient_open(&r, buf_span(&blob), phrase, &f), -EBADMSG);
	CHECK_EQ(f.code, FAULT_KEY_DAMAGED);
}

/* A record whose wrap is right for it, but whose public key is of another
 * secret: packs would be sealed to a key that nobody holds. */
static void
public_key_of_an_epoch_fits(void)
{
	const size_t pk_at = 16, wrap_at = KEYBLOB_EPOCH_HEAD + 8;
	_cleanup_buf_ struct buf record = BUF_INIT;
	const struct store_id store = {{1, 2, 3}};
	const struct key secret = {{4}}, log = {{5}};
	uint8_t context[KEYBLOB_EPOCH_HEAD], payload[KEYBLOB_EPOCH_PAYLOAD];
	struct recipient r = {.number = 1};
	struct epoch_recipient to = {.number = 1};
	struct keyblob_epoch e;
	struct epoch opened;
	struct key of;
	struct fault f = {0};

	random_bytes(&of, sizeof(of));
	open_pair(&r.x25519, &of);
	to.pk = r.x25519.pk;
	CHECK_EQ(epoch_make(&record, 1, 7, &store, &secret, &log, &to, 1), 0);
	CHECK_EQ(keyblob_epoch_decode(buf_span(&record), &e), 0);
	keyblob_epoch_context(&e, 1, context);
	CHECK_EQ(open_wrap(payload, &r.x25519, "epoch",
			 span_of(context, sizeof(context)),
			 span_of(record.p + wrap_at, KEYBLOB_EPOCH_WRAP)),
		0);
	record.p[pk_at] ^= 1;
	CHECK_EQ(keyblob_epoch_decode(buf_span(&record), &e), 0);
	keyblob_epoch_context(&e, 1, context);
	CHECK_EQ(seal_wrap(record.p + wrap_at, &to.pk, "epoch",
			 span_of(context, sizeof(context)),
			 span_of(payload, sizeof(payload))),
		0);
	CHECK_EQ(epoch_open(&opened, buf_span(&record), &store, &r, &f),
		-EBADMSG);
	CHECK_EQ(f.code, FAULT_KEY_DAMAGED);
	CHECK(strstr(f.detail, "public key"));
}

static void
ids_bind_type_references_and_bytes(void)
{
	struct key secret;
	struct id_keys keys;
	struct ref refs[2] = {0};
	struct id a, b;

	random_bytes(&secret, sizeof(secret));
	random_bytes(refs[0].id.b, 32);
	random_bytes(refs[1].id.b, 32);
	id_keys_derive(&keys, &secret);
	id_compute(&a, &keys, OBJECT_DIRPAGE, refs, 2, span_str("x"));
	id_compute(&b, &keys, OBJECT_DIRPAGE, refs, 2, span_str("x"));
	CHECK(id_equal(&a, &b));
	refs[0].addr.row = 5; /* addresses do not count */
	id_compute(&b, &keys, OBJECT_DIRPAGE, refs, 2, span_str("x"));
	CHECK(id_equal(&a, &b));
	id_compute(&b, &keys, OBJECT_DIRNODE, refs, 2, span_str("x"));
	CHECK(!id_equal(&a, &b));
	id_compute(&b, &keys, OBJECT_DIRPAGE, refs, 1, span_str("x"));
	CHECK(!id_equal(&a, &b));
	id_compute(&b, &keys, OBJECT_DIRPAGE, refs, 2, span_str("y"));
	CHECK(!id_equal(&a, &b));
	/* The same bytes as content instead of reference. */
	id_compute(&a, &keys, OBJECT_CHUNK, NULL, 0, span_of(refs[0].id.b, 32));
	id_compute(&b, &keys, OBJECT_CHUNK, refs, 1, span_str(""));
	CHECK(!id_equal(&a, &b));
}

static void
records_are_bound_to_their_place(void)
{
	_cleanup_buf_ struct buf a = BUF_INIT, b = BUF_INIT, out = BUF_INIT;
	struct key secret;
	struct stat_keys keys, other;

	random_bytes(&secret, sizeof(secret));
	stat_keys_derive(&keys, &secret, span_str("files"));
	stat_keys_derive(&other, &secret, span_str("hr"));
	CHECK_EQ(stat_seal(&a, &keys, span_str("k"), span_str("value")), 0);
	CHECK_EQ(stat_seal(&b, &keys, span_str("k"), span_str("value")), 0);
	CHECK(memcmp(a.p, b.p, a.n) != 0);
	CHECK_EQ(stat_open(&out, &keys, span_str("k"), buf_span(&a)), 0);
	CHECK(span_eq(buf_span(&out), span_str("value")));
	CHECK_EQ(stat_open(&out, &keys, span_str("l"), buf_span(&a)), -EBADMSG);
	CHECK_EQ(
		stat_open(&out, &other, span_str("k"), buf_span(&a)), -EBADMSG);
	a.p[a.n - 1] ^= 1;
	CHECK_EQ(stat_open(&out, &keys, span_str("k"), buf_span(&a)), -EBADMSG);
	CHECK_EQ(out.n, 0);
}

static void
signatures(void)
{
	struct key seed;
	uint8_t pk[32], sig[64];

	random_bytes(&seed, sizeof(seed));
	sign_public(pk, &seed);
	sign_message(sig, &seed, span_str("note"));
	CHECK_EQ(verify_message(pk, span_str("note"), sig), 0);
	CHECK_EQ(verify_message(pk, span_str("notf"), sig), -EBADMSG);
	sig[3] ^= 4;
	CHECK_EQ(verify_message(pk, span_str("note"), sig), -EBADMSG);
}

int
main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		TEST(arena_is_locked_and_wiped),
		TEST(arena_gives_separate_pieces),
		TEST(sha256_is_the_standards),
		TEST(slice_tree_has_the_shape),
		TEST(wrap_opens_for_its_addressee_alone),
		TEST(low_order_keys_are_refused),
		TEST(passphrase_opens_recipient_and_epoch),
		TEST(public_key_of_an_epoch_fits),
		TEST(ids_bind_type_references_and_bytes),
		TEST(records_are_bound_to_their_place),
		TEST(signatures),
	};

	if (secmem_init() != 0) {
		fprintf(stderr, "no locked memory\n");
		return 77;
	}
	return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
