/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ETA_H
#define CLI_ETA_H

#include <stddef.h>
#include <stdint.h>

/* How much of a work is done, measured in two ways: entries and bytes. */
struct eta {
	uint64_t entries, entries_total;
	uint64_t bytes, bytes_total;
};

/* Room for ", about 123 h 59 min to go". */
#define ETA_TEXT 48

/*
 * Write ", about 5 min to go" for work that has taken so long, by whichever
 * measure is behind. Empty while it would be a guess: in the first three
 * seconds, below 2 %, or without a total.
 */
void eta_text(char dst[ETA_TEXT], const struct eta *e, uint64_t elapsed_ns);

#endif
