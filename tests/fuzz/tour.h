/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_TOUR_H
#define TESTS_FUZZ_TOUR_H

/*
 * A walk over all that a snapshot holds, through every way that a reader can
 * take: listed, by name, by number, by index; bytes, runs, attributes.
 */

#include "format/directory.h"
#include "view/view.h"

struct tour {
	struct view_snap *snap;
	/* It was made by a pull: then all ways lead to the same, and nothing
	 * is damaged. Else only so many steps are taken. */
	bool honest;
	unsigned int steps;

	/* What was met. */
	uint64_t entries, files, directories, bytes;
	uint64_t sum; /* of tour_entry over all entries, in any order */
	bool cut;     /* it was too deep */
};

void tour_all(struct tour *t);

/* Hashes, to compare what was met with what was told: of bytes; of a value
 * into another; of the bytes of a file at an offset, where pieces add up and
 * zeros count for nothing. */
uint64_t tour_hash(struct span bytes);
uint64_t tour_mix(uint64_t to, uint64_t value);
uint64_t tour_content(uint64_t offset, struct span bytes);

/* What an entry is: path and content are such hashes. */
uint64_t tour_entry(uint64_t path, const struct dirent_rec *e, uint64_t content,
	uint64_t attrs);

/* The path of a root, and of a name below. */
#define TOUR_ROOT 1U
uint64_t tour_below(uint64_t path, struct span name);

#endif
