/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eta.h"

#include <inttypes.h>
#include <stdio.h>

#define EARLY_S 3
#define LEAST_PART 0.02

static double
part(uint64_t done, uint64_t total)
{
	return total == 0 || done >= total ? 1 : (double)done / (double)total;
}

void
eta_text(char dst[ETA_TEXT], const struct eta *e, uint64_t elapsed_ns)
{
	double entries = part(e->entries, e->entries_total);
	double bytes = part(e->bytes, e->bytes_total);
	double done = entries < bytes ? entries : bytes;
	double elapsed = (double)elapsed_ns / 1e9;
	uint64_t left;

	dst[0] = '\0';
	if (e->entries_total == 0 || elapsed < EARLY_S || done < LEAST_PART)
		return;
	left = (uint64_t)(elapsed / done * (1 - done));
	if (left < 60)
		snprintf(dst, ETA_TEXT, ", about %" PRIu64 " s to go", left);
	else if (left < 3600)
		snprintf(dst, ETA_TEXT, ", about %" PRIu64 " min to go",
			(left + 59) / 60);
	else if (left < 1000 * UINT64_C(3600))
		snprintf(dst, ETA_TEXT,
			", about %" PRIu64 " h %" PRIu64 " min to go",
			left / 3600, left % 3600 / 60);
}
