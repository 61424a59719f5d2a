/* SPDX-License-Identifier: Apache-2.0 */
#include "chunker/compress.h"

#include <errno.h>
#include <limits.h>
#include <lz4.h>

size_t
compress_lz4(uint8_t *out, struct span in)
{
	int r;

	if (in.n < 2 || in.n > LZ4_MAX_INPUT_SIZE)
		return 0;
	r = LZ4_compress_default(
		(const char *)in.p, (char *)out, (int)in.n, (int)in.n - 1);
	return r > 0 ? (size_t)r : 0;
}

int
compress_lz4_open(uint8_t *out, size_t n, struct span in)
{
	if (n > INT_MAX || in.n > INT_MAX)
		return -EBADMSG;
	return LZ4_decompress_safe((const char *)in.p, (char *)out, (int)in.n,
		       (int)n) == (int)n
		       ? 0
		       : -EBADMSG;
}
