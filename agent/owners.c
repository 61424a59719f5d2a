/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/owners.h"
#include "format/directory.h"
#include "format/wire.h"
#include "util/child.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/mem.h"

/* A directory service that is slower is as good as none. */
#define ANSWER_NS (5 * UINT64_C(1000000000))

/* After so many silences nothing is asked any more: each costs 5 seconds. */
#define TIMEOUTS_MAX 2

/* A group's line lists its members; only its beginning is looked at. */
#define ANSWER_MAX 4096U

static size_t
hash(const struct owner_set *set, uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) &
	       (set->cap - 1);
}

/* Where key is or belongs. There is always a free slot. */
static uint64_t *
find(const struct owner_set *set, uint64_t key)
{
	size_t i = hash(set, key);

	while (set->slot[i] != 0 && set->slot[i] != key)
		i = (i + 1) & (set->cap - 1);
	return &set->slot[i];
}

static int
grow(struct owner_set *set)
{
	struct owner_set more = {.cap = set->cap > 0 ? 2 * set->cap : 64};

	if (2 * set->n < set->cap)
		return 0;
	more.slot = mem_array(more.cap, sizeof(*more.slot));
	if (!more.slot)
		return -ENOMEM;
	for (size_t i = 0; i < set->cap; i++) {
		if (set->slot[i] != 0)
			*find(&more, set->slot[i]) = set->slot[i];
	}
	more.n = set->n;
	more.recent = set->recent;
	mem_free(set->slot);
	*set = more;
	return 0;
}

/* 1 for a number not met before, 0 for a known one, or -ENOMEM. */
static int
is_new(struct owner_set *set, uint32_t number)
{
	uint64_t key = (uint64_t)number + 1, *slot;
	int err;

	if (set->recent == key)
		return 0;
	err = grow(set);
	if (err < 0)
		return err;
	set->recent = key;
	slot = find(set, key);
	if (*slot == key || set->n >= OWNERS_MAX)
		return 0;
	*slot = key;
	set->n++;
	return 1;
}

/* Read to the end or until ANSWER_MAX bytes; -ETIMEDOUT. */
static int
read_answer(int fd, struct buf *b)
{
	uint64_t end = clock_mono_ns() + ANSWER_NS;

	while (b->n < ANSWER_MAX) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_mono_ns();
		ssize_t got;
		int ready;

		if (now >= end)
			return -ETIMEDOUT;
		ready = poll(&p, 1, (int)((end - now) / 1000000 + 1));
		if (ready <= 0)
			continue;
		got = io_read_some(fd, b->p + b->n, ANSWER_MAX - b->n);
		if (got <= 0)
			return (int)got;
		b->n += (size_t)got;
	}
	return 0;
}

static int
ask(const char *table, uint32_t number, struct buf *b)
{
	_cleanup_close_ int from = -1, to = -1;
	_cleanup_child_ struct child child = CHILD_NONE;
	char name[] = "getent", key[16];
	char tablev[8];
	char *argv[] = {name, tablev, key, NULL};
	struct child_opts opts = {
		.argv = argv, .cwd = "/", .die_with_parent = true, .maps = 1};
	int ends[2], err;

	snprintf(tablev, sizeof(tablev), "%s", table);
	snprintf(key, sizeof(key), "%u", (unsigned int)number);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	to = ends[1];
	opts.map[0] = (struct child_map){.fd = to, .target = 1};
	err = child_spawn(&opts, &child);
	if (err < 0)
		return err;
	cleanup_close(&to);
	return read_answer(from, b);
}

/*
 * The name in "NAME:PASSWORD:NUMBER:...". Empty unless it is the number that
 * was asked for.
 */
static struct span
parse(struct span line, uint32_t number)
{
	const struct span none = {NULL, 0};
	const uint8_t *end = memchr(line.p, ':', line.n), *p, *digits;
	uint64_t v = 0;
	size_t n, left;

	if (!end)
		return none;
	n = (size_t)(end - line.p);
	left = line.n - n - 1;
	p = memchr(end + 1, ':', left);
	if (!p || n == 0 || n > 255 || memchr(line.p, '\0', n) ||
		memchr(line.p, '\n', n))
		return none;
	digits = ++p;
	end = line.p + line.n;
	for (; p < end && *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
		v = 10 * v + (uint64_t)(*p - '0');
	if (p == digits || p == end || *p != ':' || v != number)
		return none;
	return span_of(line.p, n);
}

static int
resolve(struct owners *o, enum owner_kind kind, uint32_t number, struct buf *b)
{
	_cleanup_buf_ struct buf answer = BUF_INIT;
	struct owner owner = {.kind = kind, .number = number};
	int err;

	err = buf_reserve(&answer, ANSWER_MAX);
	if (err < 0)
		return err;
	err = ask(kind == OWNER_USER ? "passwd" : "group", number, &answer);
	if (err == -ETIMEDOUT)
		o->silent = ++o->timeouts >= TIMEOUTS_MAX;
	/* Not installed, or may not be run: nor will the next one. */
	if (err == -ENOENT || err == -EACCES)
		o->silent = true;
	if (err < 0 || answer.n == 0)
		return 0;
	owner.name = parse(buf_span(&answer), number);
	if (owner.name.n == 0)
		return 0;
	return wire_owner_encode(b, &owner);
}

static int
meet(struct owners *o, enum owner_kind kind, uint32_t number, struct buf *b)
{
	struct owner_set *set = &o->set[kind == OWNER_USER ? 0 : 1];
	int fresh;

	if (o->silent)
		return 0;
	fresh = is_new(set, number);
	return fresh > 0 ? resolve(o, kind, number, b) : fresh;
}

int
owners_user(struct owners *o, uint32_t uid, struct buf *b)
{
	return meet(o, OWNER_USER, uid, b);
}

int
owners_group(struct owners *o, uint32_t gid, struct buf *b)
{
	return meet(o, OWNER_GROUP, gid, b);
}

void
owners_free(struct owners *o)
{
	mem_free(o->set[0].slot);
	mem_free(o->set[1].slot);
	*o = (struct owners){0};
}
