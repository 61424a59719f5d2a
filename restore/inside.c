/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "store/layout.h"

bool
inside_is(const char *dir, const struct stat *st)
{
	_cleanup_free_ char *path = strdup(dir);
	struct stat at;
	char *slash;

	while (path && *path != '\0') {
		if (stat(path, &at) == 0 && at.st_dev == st->st_dev &&
			at.st_ino == st->st_ino)
			return true;
		slash = strrchr(path, '/');
		if (!slash || strcmp(path, "/") == 0)
			break;
		slash[slash == path ? 1 : 0] = '\0';
	}
	return false;
}

/* Where a path leads, or, when it is not there, where its parent does; NULL
 * when that is not there either. The caller's to free. */
static char *
resolve(const char *path)
{
	_cleanup_free_ char *parent = NULL;
	char *real = realpath(path, NULL);
	size_t n = strlen(path);

	if (real || errno != ENOENT)
		return real;
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	parent = n > 0 ? strndup(path, n) : strdup(".");
	return parent ? realpath(parent, NULL) : NULL;
}

int
inside_refuse(const char *target, const char *store, struct fault *f)
{
	static const char *const folders[LAYOUT_NFOLDERS] = LAYOUT_FOLDERS;
	_cleanup_free_ char *real = resolve(target);
	_cleanup_close_ int fd = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	for (size_t i = 0; real && fd >= 0 && i < LAYOUT_NFOLDERS; i++)
		if (fstatat(fd, folders[i], &st, 0) == 0 &&
			inside_is(real, &st))
			return fault_set(f, FAULT_TARGET_BAD, target,
				"it lies inside the store");
	return 0;
}
