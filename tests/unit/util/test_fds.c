/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: no file gets the number of a closed standard stream; the limit of open
 * files is raised to what may be had, a child gets the old one, and one that is
 * too low is refused by name. */

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "util/child.h"
#include "util/fds.h"

static rlim_t
soft(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

static void
set(rlim_t cur, rlim_t max)
{
	const struct rlimit limit = {cur, max};

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
raised_and_given_back(void)
{
	char sh[] = "sh", c[] = "-c", test[] = "test $(ulimit -Sn) = 100";
	char *argv[] = {sh, c, test, NULL};
	const struct child_opts opts = {.argv = argv};
	struct child child = CHILD_NONE;
	struct fault f = {0};
	int status = -1;

	set(100, 2000);
	CHECK_EQ(fds_prepare(&f), 0);
	CHECK_EQ(soft(), 2000);
	CHECK_EQ(child_spawn(&opts, &child), 0);
	CHECK_EQ(child_wait(&child, &status), 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	/* Again: nothing is left to raise. */
	CHECK_EQ(fds_prepare(&f), 0);
	CHECK_EQ(soft(), 2000);
}

static void
closed_ones_are_filled(void)
{
	struct fault f = {0};
	int in = dup(STDIN_FILENO), out = dup(STDOUT_FILENO), fd;

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	CHECK_EQ(fds_prepare(&f), 0);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(fd > STDERR_FILENO);
	CHECK(write(STDOUT_FILENO, "", 1) < 0 && errno == EBADF);
	close(fd);
	CHECK_EQ(dup2(in, STDIN_FILENO), STDIN_FILENO);
	CHECK_EQ(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	close(in);
	close(out);
}

/* The last one: a hard limit does not come back. */
static void
too_few(void)
{
	struct fault f = {0};

	set(100, FDS_NEEDED);
	CHECK_EQ(fds_prepare(&f), 0);
	set(100, FDS_NEEDED - 1);
	CHECK_EQ(fds_prepare(&f), -E2BIG);
	CHECK_EQ(f.code, FAULT_LIMIT_EXCEEDED);
	CHECK(strstr(f.detail, "1023 may be open"));
	CHECK_EQ(soft(), 100);
}

CHECK_MAIN(TEST(raised_and_given_back), TEST(closed_ones_are_filled),
	TEST(too_few))
