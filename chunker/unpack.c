/* SPDX-License-Identifier: Apache-2.0 */
#include "chunker/block.h"
#include "chunker/compress.h"

#include <errno.h>
#include <string.h>

int
block_open(uint8_t *out, const struct block_keys *keys, uint32_t number,
	enum codec codec, uint32_t plain_len, struct span sealed,
	struct buf *packed)
{
	const struct pack_part part = {.domain = PACK_BLOCK,
		.number = number,
		.codec = codec,
		.plain_len = plain_len};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];
	struct span ad_span = {ad, sizeof(ad)};
	int r;

	if (sealed.n < SEAL_TAG || sealed.n > FORMAT_BLOCK_MAX + SEAL_TAG)
		return -EBADMSG;
	pack_part_ad(keys->context, &part, ad);
	pack_part_nonce(&part, nonce);
	if (codec == CODEC_RAW) {
		if (sealed.n != (size_t)plain_len + SEAL_TAG)
			return -EBADMSG;
		return aead_open(out, &keys->pack, nonce, ad_span, sealed);
	}
	buf_clear(packed);
	if (buf_reserve(packed, sealed.n) != 0)
		return -ENOMEM;
	r = aead_open(packed->p, &keys->pack, nonce, ad_span, sealed);
	if (r == 0)
		r = compress_lz4_open(out, plain_len,
			(struct span){packed->p, sealed.n - SEAL_TAG});
	if (r != 0)
		memset(out, 0, plain_len);
	return r;
}
