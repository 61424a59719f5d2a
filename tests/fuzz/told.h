/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_TOLD_H
#define TESTS_FUZZ_TOLD_H

/*
 * What an agent told in a pull of one path, with a vault that remembers
 * nothing: taken down frame by frame, and judged by docs/format.md section 10
 * without a line of pull/.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/span.h"

struct told {
	size_t n;   /* bytes up to and with DONE, or all */
	bool legal; /* up to there no frame was ill-timed or unasked for */
	uint64_t entries;
	uint64_t sum; /* as in struct tour */
};

void told_read(struct told *ret, struct span frames);

#endif
