/* SPDX-License-Identifier: Apache-2.0 */
#include "store/immut.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

/* The two ioctls move an int, whatever their numbers say. */

int
immut_set(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	if (flags & FS_IMMUTABLE_FL)
		return 0;
	flags |= FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

int
immut_get(int fd, bool *ret)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	*ret = (flags & FS_IMMUTABLE_FL) != 0;
	return 0;
}
