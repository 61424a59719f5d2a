/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CENSUS_H
#define CLI_CENSUS_H

/* Counting the files of a store, without believing or opening any. */

#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"

struct census {
	uint64_t packs;
	uint64_t pack_bytes;
	uint64_t immutable; /* the flag is set */
	uint64_t read_only; /* only the mode protects it */
	uint64_t writable;  /* nothing does */
	uint64_t manifests;
	uint64_t incoming; /* of a running pull, or left by a crash */
	uint64_t incoming_bytes;
	uint64_t cache_bytes;
	uint64_t free_bytes; /* of the file system, for everybody */
};

/* Faults: io. */
must_check int census_take(int storefd, struct census *ret, struct fault *f);

#endif
