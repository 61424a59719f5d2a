/* SPDX-License-Identifier: Apache-2.0 */
#include "store/room.h"

#include <inttypes.h>
#include <stdint.h>
#include <sys/statvfs.h>

#define MIB (1ULL << 20)

int
room_check(int storefd, struct fault *f)
{
	struct statvfs v;
	uint64_t left;

	if (fstatvfs(storefd, &v) < 0 || v.f_blocks == 0 || v.f_frsize == 0)
		return 0;
	/* In blocks: as bytes it might not fit. */
	if (v.f_bavail >= ROOM_RESERVE / v.f_frsize + 1)
		return 0;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	return fault_set(f, FAULT_STORE_FULL, "the store's disk",
		"only %" PRIu64 " MiB are left, %" PRIu64
		" are kept for ledger and index",
		(uint64_t)(left / MIB), (uint64_t)(ROOM_RESERVE / MIB));
}
