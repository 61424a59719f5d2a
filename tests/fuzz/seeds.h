/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

/* Samples of what is more than one message: sample_made.c. */

#include "tests/fuzz/trip.h"

trip_sample_fn sample_pull, sample_serve, sample_view, sample_pack;
trip_sample_fn sample_recover;

#endif
