/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The seed corpus: every sample of tests/fuzz/trip.h and tests/fuzz/seeds.h as
 * a file DIR/TARGET/sample-N.
 *
 *	seeds DIR            write them
 *	seeds --check DIR    fail when a file is not what the encoder makes now
 *
 * The check holds the format still: bytes that an encoder once made are
 * written again only by a decision.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/seeds.h"
#include "util/io.h"

static const struct trip made[] = {
	{"pack", NULL, sample_pack, 3},
	{"pull", NULL, sample_pull, 12},
	{"recover", NULL, sample_recover, 5},
	{"serve", NULL, sample_serve, 5},
	{"view", NULL, sample_view, 2},
};

static int
seed_write(const char *path, struct span bytes)
{
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return io_write_full(fd, bytes.p, bytes.n);
}

static int
seed_check(const char *path, struct span bytes)
{
	_cleanup_buf_ struct buf old = BUF_INIT;
	int err = io_read_file(AT_FDCWD, path, bytes.n, &old);

	if (err)
		return err;
	return span_eq(buf_span(&old), bytes) ? 0 : -EBADMSG;
}

static int
seeds_of(const struct trip *trip, const char *dir, bool check)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, trip->name);
	if (!check && mkdir(path, 0755) != 0 && errno != EEXIST)
		return -errno;
	for (unsigned int i = 0; i < trip->samples; i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		int err;

		snprintf(path, sizeof(path), "%s/%s/sample-%u", dir, trip->name,
			i);
		trip->sample(i, &b);
		err = check ? seed_check(path, buf_span(&b))
			    : seed_write(path, buf_span(&b));
		if (err) {
			fprintf(stderr, "%s: %s\n", path, strerror(-err));
			return err;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0;

	if (!check && argc != 2) {
		fprintf(stderr, "usage: seeds [--check] DIR\n");
		return 2;
	}
	for (size_t i = 0; i < trip_count; i++) {
		if (seeds_of(&trip_list[i], argv[argc - 1], check) != 0)
			return 1;
	}
	for (size_t i = 0; i < array_len(made); i++) {
		if (seeds_of(&made[i], argv[argc - 1], check) != 0)
			return 1;
	}
	return 0;
}
