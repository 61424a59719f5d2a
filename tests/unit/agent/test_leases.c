/* SPDX-License-Identifier: Apache-2.0 */

/* Leases: who gives way is waited for, who does not is so for a while only. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "agent/leases.h"
#include "tests/lib/check.h"

#define FLAGS (O_NOFOLLOW | O_NONBLOCK)

static int held = -1;

static void
give_way(int sig)
{
	(void)sig;
	(void)fcntl(held, F_SETLEASE, F_UNLCK);
}

/* A file with a lease on it; the kernel asks with a SIGIO. */
static int
lease(void (*asked)(int))
{
	struct sigaction on = {.sa_handler = asked};
	int at = open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(at >= 0);
	CHECK(sigaction(SIGIO, &on, NULL) == 0);
	held = openat(at, "deed", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(held >= 0);
	CHECK(fcntl(held, F_SETLEASE, F_WRLCK) == 0);
	return at;
}

static void
nobody_holds(void)
{
	struct leases l = {0};
	int at = lease(SIG_IGN), fd;

	close(held);
	fd = leases_openat(&l, at, "deed", FLAGS);
	CHECK(fd >= 0);
	CHECK(l.spent == 0);
	CHECK_EQ(leases_openat(&l, at, "no deed", FLAGS), -ENOENT);
	CHECK(l.spent == 0);
	close(fd);
	close(at);
}

static void
gives_way(void)
{
	struct leases l = {0};
	int at = lease(give_way), fd;

	fd = leases_openat(&l, at, "deed", FLAGS);
	CHECK(fd >= 0);
	CHECK(l.spent > 0);
	close(fd);
	close(held);
	close(at);
}

static void
stays(void)
{
	struct leases l = {0};
	int at = lease(SIG_IGN);

	CHECK_EQ(leases_openat(&l, at, "deed", FLAGS), -EAGAIN);
	CHECK(l.spent >= LEASES_ONE_NS);
	CHECK(l.spent < LEASES_ALL_NS);
	l.spent = LEASES_ALL_NS;
	CHECK_EQ(leases_openat(&l, at, "deed", FLAGS), -EAGAIN);
	CHECK(l.spent == LEASES_ALL_NS);
	close(held);
	close(at);
}

CHECK_MAIN(TEST(nobody_holds), TEST(gives_way), TEST(stays))
