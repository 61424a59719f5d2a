/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trouble.h"

#include <errno.h>

int
trouble_io(struct fault *f, int err, const char *object, const char *doing)
{
	enum fault_code code = FAULT_IO;

	if (err == -ENOSPC || err == -EDQUOT)
		code = FAULT_STORE_FULL;
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
