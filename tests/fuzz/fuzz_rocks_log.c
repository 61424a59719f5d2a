/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A block of one of RocksDB's logs; and one that is made of the same bytes,
 * three for each record: its kind and its length. It is plain if the kinds
 * are, up to where the block ends.
 */

#include "store/rocks_log.h"
#include "tests/fuzz/entry.h"
#include "util/le.h"

#define HEAD 7U

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t block[ROCKS_LOG_BLOCK];
	struct rcur r = rcur_init(span_of(data, size));
	bool plain = true;
	size_t n = 0;

	if (size <= sizeof(block))
		(void)rocks_log_plain(span_of(data, size));
	while (rcur_left(&r) >= 3 && sizeof(block) - n >= HEAD) {
		uint8_t kind = rcur_u8(&r);
		uint16_t length = rcur_u16(&r);

		memset(block + n, 0xff, 4);
		le16_put(block + n + 4, length);
		block[n + 6] = kind;
		plain = plain && kind <= 4;
		n += HEAD;
		if (length > sizeof(block) - n)
			length = (uint16_t)(sizeof(block) - n);
		memset(block + n, 0xee, length);
		n += length;
	}
	TRIP_MUST(rocks_log_plain(span_of(block, n)) == plain);
	return 0;
}
