/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHUNKER_COMPRESS_H
#define CHUNKER_COMPRESS_H

#include "util/cleanup.h"
#include "util/span.h"

#include <stddef.h>
#include <stdint.h>

/* LZ4 blocks (lz4_Block_format.md of the LZ4 project). */

/* Compress to out, which has room for in.n bytes. The length, or 0 when it
 * would not become smaller. */
size_t compress_lz4(uint8_t *out, struct span in);

/* Decompress to exactly n bytes at out. -EBADMSG when in is anything else. */
must_check int compress_lz4_open(uint8_t *out, size_t n, struct span in);

#endif
