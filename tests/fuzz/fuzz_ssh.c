/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How ssh ended, u8, and what it said. The story of the fault is told by its
 * last line, whole if it is not long, and never by another's.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pull/transport.h"
#include "tests/fuzz/entry.h"
#include "util/io.h"

static int status;

int __wrap_child_wait_ms(struct child *c, unsigned int ms, int *ret_status);
void __wrap_child_end(struct child *c);

int
__wrap_child_wait_ms(struct child *c, unsigned int ms, int *ret_status)
{
	(void)ms;
	*c = CHILD_NONE;
	*ret_status = W_EXITCODE(status, 0);
	return 0;
}

void
__wrap_child_end(struct child *c)
{
	(void)c;
}

/* The last line of a text without NUL; empty when it is blank or long. */
static struct span
last_line(struct span text)
{
	struct span s = text;
	size_t at;

	while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	for (at = s.n; at > 0 && s.p[at - 1] != '\n'; at--)
		;
	return text.n - at < 200 ? span_of(s.p + at, s.n - at)
				 : span_of(NULL, 0);
}

static enum fault_code
code_of(struct span text)
{
	if (status == 255 &&
		memmem(text.p, text.n, "Host key verification failed", 28))
		return FAULT_HOST_KEY_UNKNOWN;
	if (status == 127)
		return FAULT_AGENT_MISSING;
	return status == 255 ? FAULT_SSH_FAILED : FAULT_AGENT_DIED;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport t = {.child = {1}, .in = -1, .out = -1};
	struct fault f = {.code = FAULT_AGENT_DIED, .detail = "it ended"};
	struct span said, last;
	char text[FAULT_TEXT_SIZE];

	if (size == 0)
		return 0;
	status = data[0];
	said = span_of(data + 1, size - 1);
	t.err = memfd_create("ssh", MFD_CLOEXEC);
	TRIP_MUST(t.err >= 0 && io_write_full(t.err, said.p, said.n) == 0);
	TRIP_MUST(lseek(t.err, 0, SEEK_SET) == 0);
	transport_end(&t, true, &f);
	fault_text(&f, text, sizeof(text));
	TRIP_MUST(strpbrk(text, "\n\r\033") == NULL);
	if (memchr(said.p, '\0', said.n))
		return 0;
	last = last_line(said);
	if (last.n > 0)
		TRIP_MUST(span_eq(span_str(f.detail), last));
	if (said.n > 0 && said.n < 256)
		TRIP_MUST(f.code == code_of(said) || last.n == 0);
	return 0;
}
