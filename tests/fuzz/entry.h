/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_ENTRY_H
#define TESTS_FUZZ_ENTRY_H

/*
 * A fuzz target is a program that hands foreign bytes to a decoder, and
 * aborts (TRIP_MUST) when a property of it does not hold. Where a decoder
 * reaches for the world (a file, the store, a child), the link line puts a
 * function of the target in the place of the one that does (--wrap).
 */

#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/trip.h"

/* What libFuzzer, or replay.c, calls with each input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
