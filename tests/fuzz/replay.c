/* SPDX-License-Identifier: Apache-2.0 */

/*
 * main for a fuzz target that is built without a fuzzer: hands each file that
 * is named, and each file of a directory that is named, to the target; where
 * inputs are made of units, what lies beside each sample too. A directory that
 * is missing or has no file is a failure, so that a test cannot pass by reading
 * nothing.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/fuzz/entry.h"
#include "tests/fuzz/units.h"
#include "util/cleanup.h"

static bool
replay_file(const char *path, size_t size)
{
	_cleanup_free_ uint8_t *data = malloc(size > 0 ? size : 1);
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f || !data) {
		perror(path);
		return false;
	}
	n = fread(data, 1, size, f);
	fclose(f);
	if (n != size) {
		fprintf(stderr, "%s: cannot be read whole\n", path);
		return false;
	}
	LLVMFuzzerTestOneInput(data, size);
#ifdef UNITS
	if (strstr(path, "/sample-"))
		units_twist(data, size);
#endif
	return true;
}

/* Files replayed, 0 when something failed. */
static unsigned int
replay_dir(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	unsigned int n = 0;
	struct dirent *e;
	struct stat st;

	if (!dir) {
		perror(path);
		return 0;
	}
	while ((e = readdir(dir)) != NULL) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (stat(name, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		if (!replay_file(name, (size_t)st.st_size))
			return 0;
		n++;
	}
	return n;
}

int
main(int argc, char **argv)
{
	unsigned int n = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		unsigned int more;

		if (stat(argv[i], &st) != 0) {
			perror(argv[i]);
			return 1;
		}
		if (S_ISDIR(st.st_mode))
			more = replay_dir(argv[i]);
		else
			more = replay_file(argv[i], (size_t)st.st_size);
		if (more == 0) {
			fprintf(stderr, "%s: nothing replayed\n", argv[i]);
			return 1;
		}
		n += more;
	}
	printf("%u inputs replayed\n", n);
	return n == 0;
}
