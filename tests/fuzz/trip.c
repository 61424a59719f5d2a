/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/trip.h"

#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
const struct trip trip_list[] = {
	{"attrs", trip_attrs, sample_attrs, 3},
	{"checkpoint", trip_checkpoint, sample_checkpoint, 3},
	{"conf", trip_conf, sample_conf, 2},
	{"content", trip_content, sample_content, 5},
	{"epoch", trip_epoch, sample_epoch, 2},
	{"leaf", trip_leaf, sample_leaf, 7},
	{"leaf_body", trip_leaf_body, sample_leaf_body, 2},
	{"leaf_frame", trip_leaf_frame, sample_leaf_frame, 2},
	{"manifest", trip_manifest, sample_manifest, 3},
	{"node", trip_node, sample_node, 3},
	{"pack_block", trip_pack_block, sample_pack_block, 3},
	{"pack_header", trip_pack_header, sample_pack_header, 2},
	{"pack_ref", trip_pack_ref, sample_pack_ref, 1},
	{"pack_row", trip_pack_row, sample_pack_row, 3},
	{"pack_tail", trip_pack_tail, sample_pack_tail, 2},
	{"pack_trailer", trip_pack_trailer, sample_pack_trailer, 3},
	{"page", trip_page, sample_page, 4},
	{"payload", trip_payload, sample_payload, 1},
	{"problem", trip_problem, sample_problem, 2},
	{"recipient", trip_recipient, sample_recipient, 2},
	{"snaproot", trip_snaproot, sample_snaproot, 3},
	{"statrec", trip_statrec, sample_statrec, 3},
	{"vault", trip_vault, sample_vault, 2},
	{"wire_agent", trip_wire_agent, sample_wire_agent, 12},
	{"wire_vault", trip_wire_vault, sample_wire_vault, 5},
};
/* clang-format on */

const size_t trip_count = array_len(trip_list);

void
trip_must_(bool good, const char *text, const char *file, int line)
{
	if (good)
		return;
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
	abort();
}

const struct trip *
trip_named(const char *name)
{
	for (size_t i = 0; i < trip_count; i++) {
		if (strcmp(trip_list[i].name, name) == 0)
			return &trip_list[i];
	}
	fprintf(stderr, "no decoder is called %s\n", name);
	abort();
}

void
trip_fuzz(const char *name, const uint8_t *data, size_t n)
{
	struct span in = span_of(data, n);
	_cleanup_buf_ struct buf again = BUF_INIT;
	int result = trip_named(name)->fn(in, &again);

	if (result == TRIP_EXACT)
		TRIP_MUST(span_eq(buf_span(&again), in));
}

void *
trip_array(size_t count, size_t size)
{
	void *p = calloc(count + 1, size);

	TRIP_MUST(p);
	return p;
}

void
trip_fill(void *dst, size_t n, unsigned int seed)
{
	uint8_t *p = dst;
	uint32_t v = seed * 2654435761U + 12345U;

	for (size_t i = 0; i < n; i++) {
		v = v * 1664525U + 1013904223U;
		p[i] = (uint8_t)(v >> 24);
	}
}
