/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A block that was sealed by someone who held the key: u8 codec, u32 plain
 * length, the bytes. It opens to exactly that length, and to no other, or to zeros, and writes
 * nowhere else. The same bytes, sealed by us, open again.
 */

#include <stdlib.h>

#include "chunker/block.h"
#include "tests/fuzz/entry.h"

/* liblz4 is not built to be watched: so bytes that must stay as they are. */
#define GUARD 64U

static const struct block_keys keys;

static uint8_t *
guarded(size_t n)
{
	uint8_t *p = malloc(n + 2 * GUARD);

	TRIP_MUST(p);
	memset(p, 0xa5, n + 2 * GUARD);
	return p;
}

static void
check_guard(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < GUARD; i++)
		TRIP_MUST(p[i] == 0xa5 && p[GUARD + n + i] == 0xa5);
}

static bool
open_it(enum codec codec, uint32_t plain, struct span bytes)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT, packed = BUF_INIT;
	uint8_t *p = guarded(plain);
	uint8_t tag[SEAL_TAG] = {0};
	int err;

	TRIP_MUST(buf_append(&sealed, bytes.p, bytes.n) == 0);
	TRIP_MUST(buf_append(&sealed, tag, sizeof(tag)) == 0);
	err = block_open(
		p + GUARD, &keys, 0, codec, plain, buf_span(&sealed), &packed);
	check_guard(p, plain);
	TRIP_MUST(err == 0 || err == -EBADMSG);
	if (codec == CODEC_RAW)
		TRIP_MUST((err == 0) == (bytes.n == plain));
	if (codec == CODEC_RAW && err == 0)
		TRIP_MUST(memcmp(p + GUARD, bytes.p, plain) == 0);
	for (uint32_t i = 0; codec == CODEC_LZ4 && err != 0 && i < plain; i++)
		TRIP_MUST(p[GUARD + i] == 0);
	free(p);
	return err == 0;
}

static void
there_and_back(struct span bytes)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT, packed = BUF_INIT;
	struct block_scratch scratch = {BUF_INIT, BUF_INIT};
	uint8_t *p = guarded(bytes.n);
	enum codec codec;

	TRIP_MUST(block_seal(&sealed, &codec, &keys, 0, bytes, &scratch) == 0);
	TRIP_MUST(sealed.n <= bytes.n + SEAL_TAG);
	TRIP_MUST(block_open(p + GUARD, &keys, 0, codec, (uint32_t)bytes.n,
			  buf_span(&sealed), &packed) == 0);
	check_guard(p, bytes.n);
	TRIP_MUST(memcmp(p + GUARD, bytes.p, bytes.n) == 0);
	block_scratch_free(&scratch);
	free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rcur r = rcur_init(span_of(data, size));
	enum codec codec = rcur_u8(&r) & 1 ? CODEC_LZ4 : CODEC_RAW;
	uint32_t plain = rcur_u32(&r) % 8192 + 1;
	struct span bytes = rcur_span(&r, rcur_left(&r));

	/* No block is empty. */
	if (!rcur_ok(&r) || bytes.n == 0)
		return 0;
	if (open_it(codec, plain, bytes))
		TRIP_MUST(!open_it(codec, plain + 1, bytes));
	there_and_back(bytes);
	return 0;
}
