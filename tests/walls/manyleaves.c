/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: manyleaves STORE SIZE
 *
 * Lets a ledger grow to so many leaves: each is that of a pull which was
 * opened and never went on, of a source of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/secmem.h"
#include "store/store_write.h"

static int
grow(struct writer *w, uint64_t size, struct fault *f)
{
	uint64_t number = 0;

	while (number + 1 < size) {
		char name[32];
		int err;

		snprintf(name, sizeof(name), "after-%" PRIu64, number);
		err = writer_pull(w, name, 1, &number, f);
		if (err < 0)
			return err;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	_cleanup_writer_ struct writer *w = NULL;
	char text[FAULT_TEXT_SIZE];
	struct fault f = {0};

	if (argc != 3) {
		fputs("usage: manyleaves STORE SIZE\n", stderr);
		return 2;
	}
	if (secmem_init() == 0 && writer_open(argv[1], NULL, &w, &f) == 0 &&
		grow(w, strtoull(argv[2], NULL, 10), &f) == 0)
		return 0;
	fault_text(&f, text, sizeof(text));
	fprintf(stderr, "manyleaves: %s\n", text);
	return 1;
}
