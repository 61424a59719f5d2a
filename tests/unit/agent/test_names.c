/* SPDX-License-Identifier: Apache-2.0 */

/* A directory's names in passes: whatever a pass keeps, all come in order. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/names.h"
#include "tests/lib/check.h"
#include "util/limits.h"

#define NAMES 1000

static int
scratch_fd(void)
{
	int fd = open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void
fill(void)
{
	int fd = scratch_fd();
	char name[64];

	for (unsigned int i = 0; i < NAMES; i++) {
		/* Long and short beginnings in common. */
		snprintf(name, sizeof(name), "%s%u",
			i % 3 ? "same-beginning-" : "", i * 7919 % NAMES);
		if (i % 5 == 0)
			CHECK(mkdirat(fd, name, 0700) == 0);
		else
			CHECK(mknodat(fd, name, S_IFREG | 0600, 0) == 0);
	}
	close(fd);
}

/* All passes with keep; the number of passes. */
static unsigned int
read_in_passes(size_t keep)
{
	struct names names = {0};
	char last[LIMIT_NAME + 1] = "";
	unsigned int passes = 0, n = 0;
	int fd = scratch_fd();

	do {
		char from[sizeof(last)];

		memcpy(from, last, sizeof(from));
		if (!CHECK_EQ(names_read(&names, fd, span_str(from), keep), 0))
			break;
		passes++;
		for (size_t i = 0; i < names.n; i++) {
			struct span s = names_span(&names, &names.name[i]);

			CHECK(strcmp(last, (const char *)s.p) < 0);
			CHECK_EQ(strlen((const char *)s.p), s.n);
			memcpy(last, s.p, s.n + 1);
			n++;
		}
		CHECK(!names.more || names.n >= keep);
		CHECK(names.n < 2 * keep || keep == 1);
	} while (names.more && passes < 2 * NAMES);
	CHECK_EQ(n, NAMES);
	CHECK(!names.too_long);
	names_free(&names);
	close(fd);
	return passes;
}

static void
passes(void)
{
	fill();
	CHECK_EQ(read_in_passes(NAMES_KEEP), 1);
	CHECK_EQ(read_in_passes(NAMES), 1);
	CHECK(read_in_passes(NAMES / 2) <= 2);
	CHECK(read_in_passes(100) <= 10);
	CHECK(read_in_passes(7) > 10);
	CHECK(read_in_passes(1) > 10);
}

static void
empty(void)
{
	struct names names = {0};
	int fd = scratch_fd();

	CHECK_EQ(names_read(&names, fd, span_str(""), NAMES_KEEP), 0);
	CHECK_EQ(names.n, 0);
	CHECK(!names.more);
	names_free(&names);
	close(fd);
}

static void
not_a_directory(void)
{
	struct names names = {0};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(names_read(&names, fd, span_str(""), NAMES_KEEP), -ENOTDIR);
	CHECK_EQ(names.n, 0);
	names_free(&names);
	close(fd);
}

CHECK_MAIN(TEST(passes), TEST(empty), TEST(not_a_directory))
