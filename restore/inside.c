/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/folders.h"

/* Take the last name off; false when there is none. */
static bool
go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || strcmp(path, "/") == 0)
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

bool
inside_is(const char *dir, const struct stat *st)
{
	_cleanup_free_ char *path = strdup(dir);
	struct stat at;

	if (!path)
		return false;
	do {
		if (stat(path, &at) == 0 && at.st_dev == st->st_dev &&
			at.st_ino == st->st_ino)
			return true;
	} while (go_up(path));
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
	_cleanup_free_ char *path = resolve(target);
	struct folders folders;
	struct stat st;

	if (!path)
		return 0;
	folders_learn(&folders, store);
	do {
		if (stat(path, &st) == 0 &&
			folders_know(&folders, st.st_dev, st.st_ino))
			return fault_set(f, FAULT_TARGET_BAD, target,
				"it lies inside the store");
	} while (go_up(path));
	return 0;
}
