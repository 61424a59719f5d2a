/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What getent says to the agent: u32 of the number that was asked for, u8
 * whether it is a group's, then the answer. A name is sent only of a line
 * that is that number's.
 */

#include <stdlib.h>

#include "agent/owners.h"
#include "format/wire.h"
#include "tests/fuzz/entry.h"
#include "util/child.h"
#include "util/io.h"

/* Bytes of a line. */
#define LOOKED_AT 4096U

static struct span answer;

int __wrap_child_spawn(const struct child_opts *opts, struct child *ret);

int
__wrap_child_spawn(const struct child_opts *opts, struct child *ret)
{
	*ret = CHILD_NONE;
	return io_write_full(opts->map[0].fd, answer.p, answer.n);
}

/* NAME:...:NUMBER:... in what is looked at of a line. */
static struct span
name_in(struct span line, uint32_t number)
{
	_cleanup_free_ char *text = malloc(line.n + 1);
	char *password, *digits, *end;

	TRIP_MUST(text);
	memcpy(text, line.p, line.n);
	text[line.n] = '\0';
	password = strchr(text, ':');
	digits = memchr(text, ':', line.n);
	if (digits)
		digits = memchr(
			digits + 1, ':', line.n - (size_t)(digits + 1 - text));
	if (!password || !digits || password == text || password > text + 255)
		return span_of(NULL, 0);
	if (strspn(++digits, "0123456789") == 0 ||
		strtoull(digits, &end, 10) != number || *end != ':')
		return span_of(NULL, 0);
	return span_of(line.p, (size_t)(password - text));
}

/* Of the first line that has one. */
static struct span
name_in_lines(struct span lines, uint32_t number)
{
	struct span name = {NULL, 0};

	while (lines.n > 0 && name.n == 0) {
		const uint8_t *end = memchr(lines.p, '\n', lines.n);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;

		name = name_in(span_of(lines.p, n < LOOKED_AT ? n : LOOKED_AT),
			number);
		n += end ? 1 : 0;
		lines = span_of(lines.p + n, lines.n - n);
	}
	return name;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct rcur r = rcur_init(span_of(data, size));
	uint32_t number = rcur_u32(&r);
	bool group = rcur_u8(&r) & 1;
	struct owners o = {.silent = false};
	struct owner owner = {0};
	struct span want;
	int err;

	/* What a pipe takes at once. */
	if (!rcur_ok(&r) || rcur_left(&r) > 65536)
		return 0;
	answer = span_of(r.p, r.n);
	err = group ? owners_group(&o, number, &out)
		    : owners_user(&o, number, &out);
	TRIP_MUST(err == 0);
	TRIP_MUST(owners_tell(&o, &out) == 0);
	owners_free(&o);
	want = name_in_lines(answer, number);
	TRIP_MUST((out.n > 0) == (want.n > 0));
	if (out.n == 0)
		return 0;
	TRIP_MUST(wire_owner_decode(span_of(out.p + WIRE_HEAD_SIZE,
					    out.n - WIRE_HEAD_SIZE),
			  &owner) == 0);
	TRIP_MUST(owner.kind == (group ? OWNER_GROUP : OWNER_USER));
	TRIP_MUST(owner.number == number && span_eq(owner.name, want));
	return 0;
}
