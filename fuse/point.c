/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "restore/inside.h"
#include "util/io.h"

/* What stat or opendir say of the mountpoint. */
static int
bad_point(struct fault *f, int err, const char *name, const char *what)
{
	/* As a mount is left that was not unmounted by its own process. */
	if (err == -ENOTCONN)
		return fault_set(f, FAULT_MOUNTPOINT_BAD, name,
			"a mount there has lost its process; end it with "
			"umount or fusermount3 -u");
	return fault_errno(f, FAULT_MOUNTPOINT_BAD, err, name, "%s", what);
}

static int
check_empty(const char *path, const char *name, struct fault *f)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return bad_point(
			f, -errno, name, "the mountpoint cannot be listed");
	while (errno = 0, (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return fault_set(f, FAULT_MOUNTPOINT_BAD, name,
				"the mountpoint is not empty");
	}
	/* Or one that cannot be listed would pass for an empty one. */
	if (errno != 0)
		return bad_point(
			f, -errno, name, "the mountpoint cannot be listed");
	return 0;
}

static int
check_device(struct fault *f)
{
	_cleanup_close_ int fd = io_openat(AT_FDCWD, "/dev/fuse", O_RDWR, 0);

	if (fd < 0)
		return fault_errno(f, FAULT_MOUNT_FAILED, fd, "/dev/fuse",
			"it cannot be opened");
	return 0;
}

int
point_check(
	const char *mountpoint, const char *store, char **ret, struct fault *f)
{
	_cleanup_free_ char *path = realpath(mountpoint, NULL);
	_cleanup_free_ char *inside = NULL;
	struct stat point, st;
	int err;

	if (!path || stat(path, &point) != 0)
		return bad_point(f, -errno, mountpoint,
			"the mountpoint cannot be reached");
	if (!S_ISDIR(point.st_mode))
		return fault_set(f, FAULT_MOUNTPOINT_BAD, mountpoint,
			"the mountpoint is not a directory");
	inside = realpath(store, NULL);
	if (!inside || stat(inside, &st) != 0)
		return fault_errno(f, FAULT_STORE_MISSING, -errno, store,
			"there is no store");
	if (inside_is(path, &st))
		return fault_set(f, FAULT_MOUNTPOINT_INSIDE, mountpoint,
			"the mountpoint lies inside the store");
	if (inside_is(inside, &point))
		return fault_set(f, FAULT_MOUNTPOINT_INSIDE, mountpoint,
			"the store lies inside the mountpoint");
	err = check_empty(path, mountpoint, f);
	if (err == 0)
		err = check_device(f);
	if (err == 0)
		*ret = take_ptr(&path);
	return err;
}

int
point_clear_of_sources(const char *point, const struct snapshot_list *snapshots,
	struct fault *f)
{
	const char *location;
	struct stat st;

	for (size_t i = 0; i < snapshots->n; i++) {
		location = snapshots->v[i].location;
		if (location[0] != '/' || strcmp(location, "/") == 0 ||
			stat(location, &st) != 0)
			continue;
		if (inside_is(point, &st))
			return fault_set(f, FAULT_MOUNTPOINT_INSIDE, point,
				"the mountpoint lies inside the source %s",
				snapshots->v[i].source);
	}
	return 0;
}
