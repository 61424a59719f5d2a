/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

/* Set by fds_prepare alone, before there are threads or children. */
static struct rlimit given;
static bool raised;

static int
fill(struct fault *f)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			return fault_errno(f, FAULT_IO, -errno, "/dev/null",
				"opening it failed");
	return 0;
}

static int
raise_limit(struct fault *f)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fault_errno(f, FAULT_INTERNAL, -errno, "open files",
			"their limit cannot be read");
	if (limit.rlim_max < FDS_NEEDED)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "open files",
			"only %" PRIu64 " may be open at a time, %d are "
			"needed: raise the hard limit (ulimit -Hn)",
			(uint64_t)limit.rlim_max, FDS_NEEDED);
	if (limit.rlim_cur == limit.rlim_max)
		return 0;
	given = limit;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		raised = true;
	else if (given.rlim_cur < FDS_NEEDED)
		return fault_errno(f, FAULT_LIMIT_EXCEEDED, -errno,
			"open files", "their limit cannot be raised");
	return 0;
}

int
fds_prepare(struct fault *f)
{
	int err = fill(f);

	return err < 0 ? err : raise_limit(f);
}

void
fds_give_back(void)
{
	/* What it leaves as it is harms nobody. */
	if (raised)
		(void)setrlimit(RLIMIT_NOFILE, &given);
}
