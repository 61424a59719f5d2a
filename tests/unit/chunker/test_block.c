/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a block opens to what was sealed and to nothing else, and what would not
 * open to the same bytes is never handed on. */
#include "tests/lib/check.h"

#include "chunker/block.h"
#include "chunker/compress.h"
#include "keys/digest.h"

#include <errno.h>
#include <stdint.h>

static struct block_keys keys;
static struct block_scratch scratch;
static bool spoil;

/* The link line puts this in front of the compressor: a processor that
 * stumbles once. */
size_t __real_compress_lz4(uint8_t *out, struct span in);
size_t __wrap_compress_lz4(uint8_t *out, struct span in);

size_t
__wrap_compress_lz4(uint8_t *out, struct span in)
{
	size_t n = __real_compress_lz4(out, in);

	if (spoil && n > 20)
		out[n / 2] ^= 0x10;
	return n;
}

static void
text(uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)((size_t) "registry of births\n"[i % 19] +
				 (i >> 9));
}

static void
round_trip(void)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT, packed = BUF_INIT;
	static uint8_t plain[200000], out[200000];
	enum codec codec;
	size_t sizes[] = {1, 100, 65536, 200000}, i;
	bool raw;

	for (i = 0; i < 8; i++) {
		size_t n = sizes[i % 4];

		raw = i >= 4;
		if (raw)
			random_bytes(plain, n);
		else
			text(plain, n);
		CHECK_EQ(block_seal(&sealed, &codec, &keys, (uint32_t)i,
				 span_of(plain, n), &scratch),
			0);
		CHECK(raw ? codec == CODEC_RAW : n < 2 || codec == CODEC_LZ4);
		CHECK_EQ(block_open(out, &keys, (uint32_t)i, codec, (uint32_t)n,
				 buf_span(&sealed), &packed),
			0);
		CHECK_MEM(out, plain, n);
	}
}

static void
everything_is_bound(void)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT, packed = BUF_INIT;
	uint8_t plain[300], out[301];
	struct block_keys other = keys;
	enum codec codec;
	size_t i;

	text(plain, sizeof(plain));
	CHECK_EQ(block_seal(&sealed, &codec, &keys, 5,
			 span_of(plain, sizeof(plain)), &scratch),
		0);
	CHECK_EQ(block_open(
			 out, &keys, 6, codec, 300, buf_span(&sealed), &packed),
		-EBADMSG);
	CHECK_EQ(block_open(
			 out, &keys, 5, codec, 301, buf_span(&sealed), &packed),
		-EBADMSG);
	CHECK_EQ(block_open(out, &keys, 5,
			 codec == CODEC_RAW ? CODEC_LZ4 : CODEC_RAW, 300,
			 buf_span(&sealed), &packed),
		-EBADMSG);
	other.context[40] ^= 1; /* another ordinal */
	CHECK_EQ(block_open(out, &other, 5, codec, 300, buf_span(&sealed),
			 &packed),
		-EBADMSG);
	for (i = 0; i < 8 * sealed.n; i++) {
		sealed.p[i / 8] ^= (uint8_t)(1 << (i % 8));
		memset(out, 1, sizeof(out));
		CHECK_EQ(block_open(out, &keys, 5, codec, 300,
				 buf_span(&sealed), &packed),
			-EBADMSG);
		CHECK_EQ(out[0], 0);
		sealed.p[i / 8] ^= (uint8_t)(1 << (i % 8));
	}
}

/* Equal blocks of one pack must not look equal. */
static void
equal_blocks_differ(void)
{
	_cleanup_buf_ struct buf a = BUF_INIT, b = BUF_INIT;
	uint8_t plain[300];
	enum codec codec;

	text(plain, sizeof(plain));
	CHECK_EQ(
		block_seal(&a, &codec, &keys, 1, span_of(plain, 300), &scratch),
		0);
	CHECK_EQ(
		block_seal(&b, &codec, &keys, 2, span_of(plain, 300), &scratch),
		0);
	CHECK(a.n == b.n && memcmp(a.p, b.p, a.n) != 0);
}

static void
a_stumble_is_noticed(void)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	static uint8_t plain[50000];
	enum codec codec;

	text(plain, sizeof(plain));
	spoil = true;
	CHECK_EQ(block_seal(&sealed, &codec, &keys, 1,
			 span_of(plain, sizeof(plain)), &scratch),
		-EUCLEAN);
	spoil = false;
	CHECK_EQ(block_seal(&sealed, &codec, &keys, 1,
			 span_of(plain, sizeof(plain)), &scratch),
		0);
	block_scratch_free(&scratch);
}

CHECK_MAIN(TEST(round_trip), TEST(everything_is_bound),
	TEST(equal_blocks_differ), TEST(a_stumble_is_noticed))
