/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is sealed opens to the same, and to nothing with a bit flipped, or cut,
 * or as whatever else an outsider would put there: u8 which of them, u32 of
 * the bit, then the bytes.
 */

#include <stdlib.h>

#include "keys/log.h"
#include "keys/open.h"
#include "keys/stat.h"
#include "tests/fuzz/entry.h"

static struct key key;
static struct stat_keys stat_keys;
static struct secret_key pair;
static const struct span context = {(const uint8_t *)"context", 7};

static int
seal(unsigned int which, struct span plain, struct buf *out)
{
	static const uint8_t nonce[AEAD_NONCE];
	size_t extra = which == 2 ? AEAD_TAG : SEAL_WRAP_EXTRA;

	if (which == 0)
		return log_seal(out, &key, context, plain);
	if (which == 1)
		return stat_seal(out, &stat_keys, context, plain);
	TRIP_MUST(buf_reserve(out, plain.n + extra) == 0);
	out->n = plain.n + extra;
	if (which == 3)
		return seal_wrap(out->p, &pair.pk, "fuzz", context, plain);
	aead_seal(out->p, &key, nonce, context, plain);
	return 0;
}

/* What was opened, in out. A failure leaves nothing to see. */
static int
unseal(unsigned int which, struct span sealed, struct buf *out)
{
	static const uint8_t nonce[AEAD_NONCE];
	size_t extra = which == 2 ? AEAD_TAG : SEAL_WRAP_EXTRA;
	int err;

	if (which == 0)
		return log_open(out, &key, context, sealed);
	if (which == 1)
		return stat_open(out, &stat_keys, context, sealed);
	if (sealed.n >= extra)
		out->n = sealed.n - extra;
	if (which == 3)
		err = open_wrap(out->p, &pair, "fuzz", context, sealed);
	else
		err = aead_open(out->p, &key, nonce, context, sealed);
	for (size_t i = 0; err != 0 && i < out->n; i++)
		TRIP_MUST(out->p[i] == 0);
	if (err != 0)
		out->n = 0;
	return err;
}

static int
open_copy(unsigned int which, struct span sealed, struct buf *out)
{
	_cleanup_free_ uint8_t *copy = malloc(sealed.n + 1);
	int err;

	TRIP_MUST(copy);
	if (sealed.n > 0)
		memcpy(copy, sealed.p, sealed.n);
	buf_free(out);
	TRIP_MUST(buf_reserve(out, sealed.n) == 0);
	err = unseal(which, span_of(copy, sealed.n), out);
	TRIP_MUST(err == 0 || (err == -EBADMSG && out->n == 0));
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT, plain = BUF_INIT;
	struct rcur r = rcur_init(span_of(data, size));
	unsigned int which = rcur_u8(&r) % 4;
	uint32_t bit = rcur_u32(&r);
	struct span in = span_of(r.p, rcur_left(&r));

	if (!rcur_ok(&r) || size > 4096)
		return 0;
	open_pair(&pair, &key);
	TRIP_MUST(open_copy(which, in, &plain) == -EBADMSG);
	TRIP_MUST(seal(which, in, &sealed) == 0);
	TRIP_MUST(open_copy(which, buf_span(&sealed), &plain) == 0);
	TRIP_MUST(span_eq(buf_span(&plain), in));
	TRIP_MUST(open_copy(which, span_of(sealed.p, bit % sealed.n), &plain) ==
		  -EBADMSG);
	bit %= (uint32_t)(8 * sealed.n);
	sealed.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	/* X25519 leaves the top bit of a point out; wraps cover it. */
	TRIP_MUST(open_copy(which, buf_span(&sealed), &plain) == -EBADMSG);
	return 0;
}
