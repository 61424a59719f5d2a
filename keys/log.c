/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/log.h"

#include "keys/digest.h"

#include <errno.h>

int
log_seal(struct buf *out, const struct key *log_key, struct span clear,
	struct span body)
{
	uint8_t *p;

	if (buf_reserve(out, AEAD_NONCE + body.n + AEAD_TAG) != 0)
		return -ENOMEM;
	p = out->p + out->n;
	random_bytes(p, AEAD_NONCE);
	aead_seal(p + AEAD_NONCE, log_key, p, clear, body);
	out->n += AEAD_NONCE + body.n + AEAD_TAG;
	return 0;
}

int
log_open(struct buf *out, const struct key *log_key, struct span clear,
	struct span sealed)
{
	struct span in;
	int r;

	buf_clear(out);
	if (sealed.n < AEAD_NONCE + AEAD_TAG)
		return -EBADMSG;
	in.p = sealed.p + AEAD_NONCE;
	in.n = sealed.n - AEAD_NONCE;
	if (buf_reserve(out, in.n) != 0)
		return -ENOMEM;
	r = aead_open(out->p, log_key, sealed.p, clear, in);
	if (r == 0)
		out->n = in.n - AEAD_TAG;
	return r;
}
