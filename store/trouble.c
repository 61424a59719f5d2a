/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trouble.h"

#include "store/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
trouble_io(struct fault *f, int err, const char *object, const char *doing)
{
	enum fault_code code = FAULT_IO;

	if (err == -ENOSPC || err == -EDQUOT)
		code = FAULT_STORE_FULL;
	else if (err == -EACCES || err == -EPERM || err == -EROFS)
		code = FAULT_STORE_DENIED;
	else if (err == -ENOMEM)
		code = FAULT_NO_MEMORY;
	return fault_errno(f, code, err, object, "%s", doing);
}

bool
trouble_no_file(int err)
{
	return err == -EINVAL || err == -EISDIR || err == -ELOOP;
}

int
trouble_file(struct fault *f, enum fault_code code, int err, const char *object,
	const char *doing)
{
	if (trouble_no_file(err))
		return fault_set(f, code, object, "it is not a regular file");
	return trouble_io(f, err, object, doing);
}

static enum fault_code
code_of_folder(const char *folder)
{
	if (strcmp(folder, LAYOUT_KEYS) == 0)
		return FAULT_KEY_MISSING;
	if (strcmp(folder, LAYOUT_LEDGER) == 0)
		return FAULT_LEDGER_DAMAGED;
	if (strcmp(folder, LAYOUT_MANIFESTS) == 0)
		return FAULT_MANIFEST_MISSING;
	if (strncmp(folder, LAYOUT_PACKS, strlen(LAYOUT_PACKS)) == 0)
		return FAULT_PACK_MISSING;
	return FAULT_IO;
}

int
trouble_folder(struct fault *f, int err, const char *folder)
{
	const enum fault_code code = code_of_folder(folder);

	if (err == -ENOENT && code == FAULT_PACK_MISSING)
		return fault_set(f, code, folder,
			"the folder is missing; to pull without it make an "
			"empty one");
	if (err == -ENOENT && code != FAULT_IO)
		return fault_set(f, code, folder, "the folder is missing");
	if (err == -ENOTDIR || err == -ELOOP)
		return fault_set(
			f, code, folder, "it is not a folder of the store");
	return trouble_io(f, err, folder, "opening the folder");
}

const char *
trouble_no_store(int dirfd, const char *otherwise)
{
	/* Which of the two it is, only people know: it is not for us to remove
	 * it. */
	if (faccessat(dirfd, LAYOUT_LEDGER, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return LAYOUT_CONF
			" is missing: an init was cut off, or the file is lost";
	return otherwise;
}
