/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/common.h"

#include <errno.h>
#include <signal.h>

#include "cli/exit.h"
#include "cli/out.h"
#include "cli/verbs.h"
#include "keys/secmem.h"
#include "util/fds.h"

int
common_start(struct fault *f)
{
	int err;

	/* A file that may not grow is an error of write(2). */
	signal(SIGXFSZ, SIG_IGN);
	err = fds_prepare(f);
	if (err < 0)
		return err;
	err = secmem_init();
	if (err == -EPERM) {
		out_warn("secrets may be swapped out: their memory cannot be "
			 "locked; raise the limit (ulimit -l) [%s]",
			fault_name(FAULT_MEMORY_LOCK));
		return 0;
	}
	if (err < 0)
		return fault_errno(f, FAULT_NO_MEMORY, err, "secrets",
			"their memory cannot be had");
	return 0;
}

int
common_help(const char *verb)
{
	return verb_help(verb_find(verb), stdout) == 0 ? STATUS_DONE
						       : STATUS_FAILED;
}
