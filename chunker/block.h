/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHUNKER_BLOCK_H
#define CHUNKER_BLOCK_H

#include "format/pack.h"
#include "keys/aead.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/*
 * Blocks of a pack: gathered objects <-> one compressed, sealed piece.
 * block_seal is the lib "pack", block_open the lib "unpack".
 */

/* The plain bytes at which a block is closed (docs/format.md 6.3). */
#define BLOCK_DATA (128u * 1024u)
#define BLOCK_METADATA (32u * 1024u)

/* What seals and opens the blocks of one pack. Lives in secmem. */
struct block_keys {
	struct key pack;
	uint8_t context[64]; /* bytes 0 to 63 of the pack's header */
};

/* Memory for one block at a time; reused from block to block. */
struct block_scratch {
	struct buf packed;
	struct buf again;
};
void block_scratch_free(struct block_scratch *s);

/*
 * Compress (or leave raw), encrypt to out (cleared first), and then undo both
 * and compare with plain: once the pack is sealed the vault cannot look any
 * more. -EUCLEAN when the result does not give the same bytes back: memory or
 * processor cannot be trusted. -ENOMEM.
 */
must_check int block_seal(struct buf *out, enum codec *codec,
	const struct block_keys *keys, uint32_t number, struct span plain,
	struct block_scratch *scratch);

/*
 * Open block `number` of plain_len bytes to out, which has room for them.
 * packed is scratch memory. -EBADMSG when it is not what was sealed, and out
 * is then zeroed. -ENOMEM.
 */
must_check int block_open(uint8_t *out, const struct block_keys *keys,
	uint32_t number, enum codec codec, uint32_t plain_len,
	struct span sealed, struct buf *packed);

#endif
