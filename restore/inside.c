/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

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

void
inside_learn(const char *store, struct inside_store *ret)
{
	static const char *const names[LAYOUT_NFOLDERS] = LAYOUT_FOLDERS;
	_cleanup_close_ int fd = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	ret->n = 0;
	for (size_t i = 0; fd >= 0 && i < LAYOUT_NFOLDERS; i++)
		if (fstatat(fd, names[i], &st, 0) == 0)
			ret->folder[ret->n++] =
				(struct inside_folder){st.st_dev, st.st_ino};
}

bool
inside_knows(const struct inside_store *s, const struct stat *st)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->folder[i].dev == st->st_dev &&
			s->folder[i].ino == st->st_ino)
			return true;
	return false;
}

int
inside_refuse(const char *target, const char *store, struct fault *f)
{
	_cleanup_free_ char *real = resolve(target);
	struct inside_store folders;

	inside_learn(store, &folders);
	for (unsigned int i = 0; real && i < folders.n; i++) {
		const struct stat st = {.st_dev = folders.folder[i].dev,
			.st_ino = folders.folder[i].ino};

		if (inside_is(real, &st))
			return fault_set(f, FAULT_TARGET_BAD, target,
				"it lies inside the store");
	}
	return 0;
}
