/* SPDX-License-Identifier: Apache-2.0 */
#include "chunker/block.h"
#include "chunker/compress.h"

#include <errno.h>
#include <string.h>

void
block_scratch_free(struct block_scratch *s)
{
	buf_free(&s->packed);
	buf_free(&s->again);
}

/* Undo what was done and compare: a fault of memory, processor or codec must
 * not be stored as if it were the file. */
static int
compare(const struct block_keys *keys, uint32_t number, enum codec codec,
	struct span plain, struct span sealed, struct block_scratch *s)
{
	buf_clear(&s->again);
	if (buf_reserve(&s->again, plain.n) != 0)
		return -ENOMEM;
	if (block_open(s->again.p, keys, number, codec, (uint32_t)plain.n,
		    sealed, &s->packed) != 0 ||
		memcmp(s->again.p, plain.p, plain.n) != 0)
		return -EUCLEAN;
	return 0;
}

int
block_seal(struct buf *out, enum codec *codec, const struct block_keys *keys,
	uint32_t number, struct span plain, struct block_scratch *s)
{
	struct pack_part part = {.domain = PACK_BLOCK,
		.number = number,
		.codec = CODEC_RAW,
		.plain_len = (uint32_t)plain.n};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];
	struct span in = plain;
	size_t len;

	buf_clear(out);
	buf_clear(&s->packed);
	if (buf_reserve(&s->packed, plain.n + SEAL_TAG) != 0 ||
		buf_reserve(out, plain.n + SEAL_TAG) != 0)
		return -ENOMEM;
	len = compress_lz4(s->packed.p, plain);
	if (len != 0) {
		part.codec = CODEC_LZ4;
		in = (struct span){s->packed.p, len};
	}
	pack_part_ad(keys->context, &part, ad);
	pack_part_nonce(&part, nonce);
	aead_seal(
		out->p, &keys->pack, nonce, (struct span){ad, sizeof(ad)}, in);
	out->n = in.n + SEAL_TAG;
	*codec = part.codec;
	return compare(keys, number, part.codec, plain, buf_span(out), s);
}
