/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHUNKER_CUT_H
#define CHUNKER_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where a file is cut. Content-defined: a gear hash (Xia et al., FastCDC,
 * USENIX ATC 2016) whose table comes from the cutting key, with normalised
 * chunking: a harder mask before the aimed-at length and an easier one after it
 * keep lengths near it. The hash looks back 64 bytes; nothing is hashed
 * before the minimum. Of random bytes about 1 cut in 20 is a forced one at
 * the maximum or lies below 32 KiB.
 */
#define CUT_MIN (16u * 1024u)
#define CUT_AIM (64u * 1024u)
#define CUT_MAX (256u * 1024u)
#define CUT_MASK_BEFORE UINT64_C(0xffff800000000000) /* 17 bits */
#define CUT_MASK_AFTER UINT64_C(0xfffe000000000000)  /* 15 bits */

enum cutter {
	CUTTER_CONTENT = 1,
	CUTTER_FIXED_16K = 2,
	CUTTER_FIXED_64K = 3,
};

/* The gear table, from id_gear_table. */
struct cut_table {
	uint64_t gear[256];
};

/* The most bytes that cut_next wants to see to decide. */
size_t cut_window(enum cutter cutter);

/*
 * Length of the piece that begins at p, of n bytes there (n > 0). With end
 * unset more bytes follow, and n must be at least cut_window(). The result
 * depends on the bytes of the piece alone, not on how they were handed in.
 */
size_t cut_next(const struct cut_table *t, enum cutter cutter, const uint8_t *p,
	size_t n, bool end);

#endif
