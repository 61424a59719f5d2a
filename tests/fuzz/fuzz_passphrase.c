/* SPDX-License-Identifier: Apache-2.0 */

/* A passphrase file: u32 of padding, then what is in front of that. What is
 * read is the file, but for one newline at its end. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/entry.h"
#include "util/io.h"
#include "view/passphrase.h"

static int
file_of(struct span bytes)
{
	int fd = memfd_create("passphrase", MFD_CLOEXEC);

	TRIP_MUST(fd >= 0 && io_write_full(fd, bytes.p, bytes.n) == 0);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ struct passphrase *p = calloc(1, sizeof(*p));
	_cleanup_buf_ struct buf file = BUF_INIT;
	_cleanup_close_ int fd = -1;
	struct rcur r = rcur_init(span_of(data, size));
	uint32_t more = rcur_u32(&r) % (PASSPHRASE_MAX + 4);
	struct fault f = {0};
	char path[64];
	size_t n;
	int err;

	TRIP_MUST(p && buf_reserve(&file, size + more + 1) == 0);
	memset(file.p, 'x', more);
	file.n = more;
	TRIP_MUST(buf_append(&file, r.p, rcur_left(&r)) == 0);
	fd = file_of(buf_span(&file));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = passphrase_read(path, NULL, p, &f);
	n = file.n - (file.n > 0 && file.p[file.n - 1] == '\n');
	if (n == 0)
		TRIP_MUST(err < 0 && f.code == FAULT_PASSPHRASE_MISSING);
	else if (n > PASSPHRASE_MAX)
		TRIP_MUST(err < 0 && f.code == FAULT_LIMIT_EXCEEDED);
	else
		TRIP_MUST(err == 0 &&
			  span_eq(passphrase_span(p), span_of(file.p, n)));
	return 0;
}
