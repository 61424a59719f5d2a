/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/trip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	trip_fuzz("pack_block", data, size);
	return 0;
}
