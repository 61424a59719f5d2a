/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_CLEANUP_H
#define UTIL_CLEANUP_H

/*
 * Scope attributes, explicit hand-over, and compiler attributes behind
 * macros. A variable with a scope attribute must be initialised where it is
 * declared. Types with a destructor of their own define their attribute in
 * their own header (_cleanup_buf_ in util/buf.h, _cleanup_child_ in
 * util/child.h).
 */

#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On calls whose lost result would lose data. */
#define must_check __attribute__((warn_unused_result))

/* A printf-like function: format is argument f, the values start at a. */
#define printf_like(f, a) __attribute__((format(printf, f, a)))

/* Number of elements of an array (never of a pointer). */
#define array_len(a) (sizeof(a) / sizeof((a)[0]))

/* Run fn(&variable) when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* A heap pointer of any type; NULL is fine. */
#define _cleanup_free_ _cleanup_(cleanup_free)

/* A descriptor; negative means none. */
#define _cleanup_close_ _cleanup_(cleanup_close)

/* A DIR *; NULL is fine. */
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

/*
 * take_ptr(&p) - give the pointer away: returns it and leaves NULL, so that
 * p's scope attribute finds nothing to do.
 */
#define take_ptr(pp)                                                           \
	__extension__({                                                        \
		__typeof__(pp) take_at_ = (pp);                                \
		__typeof__(*take_at_) take_value_ = *take_at_;                 \
		*take_at_ = NULL;                                              \
		take_value_;                                                   \
	})

/* take_fd(&fd) - the same for a descriptor; leaves -1. */
static inline int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void
cleanup_free(void *at)
{
	void *p;

	/* at is a T ** of any T: copied, not read through a void **. */
	memcpy(&p, at, sizeof(p));
	free(p);
}

/*
 * The result of close is not looked at: what must be durable went through
 * io_fsync before, and after EINTR Linux has already freed the number.
 */
static inline void
cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void
cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#endif
