/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/reason.h"

#include <errno.h>

#include "format/types.h"
#include "util/cleanup.h"

const char *
reason_text(uint32_t reason, uint32_t err)
{
	static const char *const text[] = {
		[PROBLEM_NOT_OPENED] = "it could not be opened",
		[PROBLEM_NOT_READ] = "it could not be read to its end",
		[PROBLEM_ATTRS] = "its attributes could not be read",
		[PROBLEM_CHANGED] = "it changed while it was read",
		[PROBLEM_DIRECTORY] = "it could not be listed",
		[PROBLEM_LINK] = "its target could not be read",
		[PROBLEM_NOT_EXAMINED] = "it could not be examined",
		[PROBLEM_ATTRS_LIMIT] = "its attributes are too large",
	};

	if (reason == PROBLEM_CHANGED && err == ENOENT)
		return "it was removed before it could be read";
	if (err == ESTALE &&
		(reason == PROBLEM_NOT_OPENED || reason == PROBLEM_ATTRS ||
			reason == PROBLEM_LINK))
		return "it was replaced or moved before it could be read";
	if (reason >= array_len(text) || !text[reason])
		return "it could not be stored";
	return text[reason];
}
