/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_TRIP_H
#define TESTS_FUZZ_TRIP_H

/*
 * Every decoder of format/ behind one face: decode, use every accessor,
 * encode again. The fuzz targets, the unit tests and the seed corpus all
 * stand on this list.
 */

#include "util/buf.h"
#include "util/span.h"

/* Good outcomes of a trip_fn. */
enum trip_result {
	/* again holds what the encoder makes of it: the same bytes. */
	TRIP_EXACT = 0,
	/* Decoded, but it holds things that our encoder does not write. */
	TRIP_LOSSY = 1,
};

/* Decode in: a result as above, or the decoder's negative errno. */
typedef int trip_fn(struct span in, struct buf *again);

/* Append sample i: a message that decodes. */
typedef void trip_sample_fn(unsigned int i, struct buf *b);

struct trip {
	const char *name;
	trip_fn *fn;
	trip_sample_fn *sample;
	unsigned int samples;
};

extern const struct trip trip_list[];
extern const size_t trip_count;

/* Aborts for a name that is not listed. */
const struct trip *trip_named(const char *name);

/*
 * One fuzz input. Aborts when what was decoded does not encode to the same
 * bytes.
 */
void trip_fuzz(const char *name, const uint8_t *data, size_t n);

/* Aborts unless cond holds. */
#define TRIP_MUST(cond) trip_must_(!!(cond), #cond, __FILE__, __LINE__)
void trip_must_(bool good, const char *text, const char *file, int line);

/* A zeroed array; aborts when memory is short. Free it. */
void *trip_array(size_t count, size_t size);

/* n bytes that depend on seed alone. */
void trip_fill(void *dst, size_t n, unsigned int seed);

/* The functions of trip_list. */
trip_fn trip_conf, trip_checkpoint, trip_manifest;
trip_fn trip_vault, trip_recipient, trip_epoch, trip_payload;
trip_fn trip_pack_header, trip_pack_ref, trip_pack_block;
trip_fn trip_pack_row, trip_pack_trailer, trip_pack_tail;
trip_fn trip_leaf, trip_leaf_body, trip_leaf_frame;
trip_fn trip_content, trip_page, trip_node, trip_attrs;
trip_fn trip_snaproot, trip_problem, trip_statrec;
trip_fn trip_wire_vault, trip_wire_agent;

trip_sample_fn sample_conf, sample_checkpoint, sample_manifest;
trip_sample_fn sample_vault, sample_recipient, sample_epoch, sample_payload;
trip_sample_fn sample_pack_header, sample_pack_ref, sample_pack_block;
trip_sample_fn sample_pack_row, sample_pack_trailer, sample_pack_tail;
trip_sample_fn sample_leaf, sample_leaf_body, sample_leaf_frame;
trip_sample_fn sample_content, sample_page, sample_node, sample_attrs;
trip_sample_fn sample_snaproot, sample_problem, sample_statrec;
trip_sample_fn sample_wire_vault, sample_wire_agent;

#endif
