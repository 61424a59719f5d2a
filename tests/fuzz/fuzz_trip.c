/* SPDX-License-Identifier: Apache-2.0 */

/* A decoder of format/: the build names which (TRIP). */

#include "tests/fuzz/entry.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	trip_fuzz(TRIP, data, size);
	return 0;
}
