/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what leaves its scope is released, what was taken is not. */

#include <fcntl.h>
#include <malloc.h>

#include "tests/lib/check.h"
#include "util/cleanup.h"

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
close_at_scope_end(void)
{
	int kept, number, errno_inside = 0;

	{
		_cleanup_close_ int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_cleanup_close_ int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_cleanup_close_ int none = -1;

		CHECK(a >= 0 && b >= 0 && none < 0);
		number = a;
		kept = take_fd(&b);
		CHECK_EQ(b, -1);
		errno = EXDEV;
	}
	errno_inside = errno;
	CHECK_EQ(errno_inside, EXDEV);
	CHECK(!is_open(number));
	CHECK(is_open(kept));
	close(kept);
}

/* A second free would end the program. */
static void
take_pointer(void)
{
	char *kept;

	{
		_cleanup_free_ char *a = strdup("gone");
		_cleanup_free_ char *b = strdup("kept");
		_cleanup_free_ char *none = NULL;

		CHECK(a && b && !none);
		kept = take_ptr(&b);
		CHECK(b == NULL);
	}
	CHECK_STR(kept, "kept");
	free(kept);
}

/*
 * A hundred blocks of 1 MiB, each gone before the next: the heap must not have
 * grown by more than a few of them. A sanitizer's heap counts nothing here,
 * but then its leak check does.
 */
static void
free_at_scope_end(void)
{
	/* Or the compiler leaves malloc and free out. */
	static void *volatile seen;
	struct mallinfo2 before = mallinfo2(), after;

	for (int i = 0; i < 100; i++) {
		_cleanup_free_ char *p = malloc(1 << 20);

		seen = p;
		CHECK(seen != NULL);
	}
	after = mallinfo2();
	CHECK(after.uordblks + after.hblkhd <
		before.uordblks + before.hblkhd + (10 << 20));
}

CHECK_MAIN(
	TEST(close_at_scope_end), TEST(take_pointer), TEST(free_at_scope_end))
