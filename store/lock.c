/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

/*
 * How often a waiting process tries again. flock(2) could wait by itself, but
 * a signal that came just before it would not end it.
 */
#define TRY_EVERY_NS 100000000L

/* ---- who holds it; for show alone ---- */

/* From /proc/locks, "12: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF";
 * 0 if it does not tell. */
static int
holder(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	struct stat st;
	int found = 0;

	if (!locks || fstat(fd, &st) < 0)
		st.st_ino = 0;
	while (locks && found == 0 && fgets(line, sizeof(line), locks)) {
		unsigned int major, minor;
		uint64_t ino;
		int pid;

		if (sscanf(line, "%*u: FLOCK %*s WRITE %d %x:%x:%" SCNu64, &pid,
			    &major, &minor, &ino) == 4 &&
			pid > 0 && ino == st.st_ino &&
			makedev(major, minor) == st.st_dev)
			found = pid;
	}
	if (locks)
		fclose(locks);
	return found;
}

/* The words of a process, cut to fit; n is 0 when it is gone or hidden. */
static size_t
words_of(int pid, char *dst, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = io_openat(AT_FDCWD, path, O_RDONLY, 0);
	n = fd < 0 ? 0 : io_read_some(fd, dst, size - 1);
	if (n < 0)
		n = 0;
	while (n > 0 && dst[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++) {
		if (dst[i] == '\0')
			dst[i] = ' ';
	}
	dst[n] = '\0';
	return (size_t)n;
}

static int
busy(struct fault *f, const char *dir, int fd)
{
	char words[240];
	int pid = holder(fd);

	if (pid == 0)
		return fault_set(f, FAULT_STORE_BUSY, dir,
			"another process writes to it");
	if (words_of(pid, words, sizeof(words)) == 0)
		return fault_set(f, FAULT_STORE_BUSY, dir,
			"process %d writes to it", pid);
	return fault_set(f, FAULT_STORE_BUSY, dir,
		"process %d writes to it: %s", pid, words);
}

/* ---- taking it ---- */

/* 0; 1 when another process holds it; or a negative errno. */
static int
try(int fd, struct fault *f)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return 1;
	return trouble_io(f, -errno, LAYOUT_LEDGER, "locking");
}

static int
wait_for(int fd, const char *dir, const struct writer_wait *wait,
	struct fault *f)
{
	const struct timespec pause = {.tv_nsec = TRY_EVERY_NS};
	struct fault held = {0};
	int r;

	(void)busy(&held, dir, fd);
	wait->told(wait->ctx, &held);
	while ((r = try(fd, f)) == 1) {
		if (*wait->stop)
			return fault_set(f, FAULT_INTERRUPTED, dir,
				"by a signal, while it waited");
		/* A signal makes it shorter. */
		(void)nanosleep(&pause, NULL);
	}
	wait->told(wait->ctx, NULL);
	return r;
}

int
lock_take(int storefd, const char *dir, const struct writer_wait *wait,
	int *ret_fd, struct fault *f)
{
	_cleanup_close_ int fd = io_openat(
		storefd, LAYOUT_LEDGER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int r;

	if (fd < 0)
		return trouble_folder(f, fd, LAYOUT_LEDGER);
	r = try(fd, f);
	if (r == 1)
		r = wait ? wait_for(fd, dir, wait, f) : busy(f, dir, fd);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

bool
lock_holds(int fd, int storefd)
{
	struct stat held, named;

	return fstat(fd, &held) == 0 &&
	       fstatat(storefd, LAYOUT_LEDGER, &named, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}
