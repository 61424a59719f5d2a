/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rocks_log.h"

/*
 *   checksum 4 | length 2 | kind 1 | bytes
 *
 * A record ends with its block: a long one goes on in others. Zeros are what
 * was allocated and never written.
 */
#define HEAD 7U
#define KIND_LAST 4U /* the last piece of a long record */

bool
rocks_log_plain(struct span block)
{
	struct rcur r = rcur_init(block);

	while (rcur_left(&r) >= HEAD) {
		uint16_t n;

		(void)rcur_u32(&r);
		n = rcur_u16(&r);
		if (rcur_u8(&r) > KIND_LAST)
			return false;
		/* Torn, if it ends behind the block. */
		(void)rcur_span(&r, n);
	}
	return true;
}
