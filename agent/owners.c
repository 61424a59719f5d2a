/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

#define SECOND_NS UINT64_C(1000000000)

/* A directory service that is slower is as good as none. */
#define ANSWER_NS (5 * SECOND_NS)

/* After so many silences, or so long, nothing is asked any more: somebody may
 * have given away files to each number there is. */
#define TIMEOUTS_MAX 2
#define TIME_NS (60 * SECOND_NS)

/* A group's line lists its members; only its beginning is looked at. */
#define OWNER_LINE 4096U

static struct owner_set *
set_of(struct owners *o, enum owner_kind kind)
{
	return &o->set[kind == OWNER_USER ? 0 : 1];
}

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
	mem_free(set->slot);
	set->slot = more.slot;
	set->cap = more.cap;
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

/* ---- what getent says ---- */

struct answer {
	struct owners *o;
	enum owner_kind kind;
	struct buf *out;
	uint8_t line[OWNER_LINE];
	size_t n;
};

/*
 * The name in "NAME:PASSWORD:NUMBER:...", and the number. Empty when it is no
 * such line.
 */
static struct span
parse(struct span line, uint32_t *number)
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
	if (!p || n == 0 || n > 255 || memchr(line.p, '\0', n))
		return none;
	digits = ++p;
	end = line.p + line.n;
	for (; p < end && *p >= '0' && *p <= '9' && v <= UINT32_MAX; p++)
		v = 10 * v + (uint64_t)(*p - '0');
	if (p == digits || p == end || *p != ':' || v > UINT32_MAX)
		return none;
	*number = (uint32_t)v;
	return span_of(line.p, n);
}

/* A line is at its end: tell the owner, if it was asked for. */
static int
take_line(struct answer *a)
{
	struct owner_set *set = set_of(a->o, a->kind);
	struct owner owner = {.kind = a->kind};
	int err = 0;

	owner.name = parse(span_of(a->line, a->n), &owner.number);
	for (size_t i = 0; owner.name.n > 0 && i < set->asked; i++) {
		if (set->ask[i] != owner.number)
			continue;
		set->ask[i] = set->ask[--set->asked];
		err = wire_owner_encode(a->out, &owner);
		break;
	}
	a->n = 0;
	return err;
}

static int
take_bytes(struct answer *a, const uint8_t *p, size_t n)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		if (p[i] == '\n')
			err = take_line(a);
		else if (a->n < sizeof(a->line))
			a->line[a->n++] = p[i];
	}
	return err;
}

/* To the end; -ETIMEDOUT. */
static int
take_answer(struct answer *a, int fd)
{
	const uint64_t end = clock_mono_ns() + ANSWER_NS;
	uint8_t some[4096];

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_mono_ns();
		ssize_t got;
		int err;

		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((end - now) / 1000000 + 1)) <= 0)
			continue;
		got = io_read_some(fd, some, sizeof(some));
		if (got <= 0)
			return got < 0 ? (int)got : take_line(a);
		err = take_bytes(a, some, (size_t)got);
		if (err < 0)
			return err;
	}
}

/* ---- asking ---- */

/* getent TABLE NUMBER...: *ret is where it answers. */
static int
start(const char *table, const struct owner_set *set, struct child *child,
	int *ret)
{
	_cleanup_close_ int from = -1, to = -1;
	char name[] = "getent", tablev[8], key[OWNERS_ASK][16];
	char *argv[OWNERS_ASK + 3] = {name, tablev};
	struct child_opts opts = {
		.argv = argv, .cwd = "/", .die_with_parent = true, .maps = 1};
	int ends[2], err;

	snprintf(tablev, sizeof(tablev), "%s", table);
	for (size_t i = 0; i < set->asked; i++) {
		snprintf(key[i], sizeof(key[i]), "%" PRIu32, set->ask[i]);
		argv[2 + i] = key[i];
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	to = ends[1];
	opts.map[0] = (struct child_map){.fd = to, .target = 1};
	err = child_spawn(&opts, child);
	if (err == 0)
		*ret = take_fd(&from);
	return err;
}

/* Ask for what has gathered. Only memory for the frames can fail. */
static int
ask(struct owners *o, enum owner_kind kind, struct buf *b)
{
	_cleanup_close_ int from = -1;
	_cleanup_child_ struct child child = CHILD_NONE;
	struct owner_set *set = set_of(o, kind);
	struct answer a = {.o = o, .kind = kind, .out = b};
	const uint64_t began = clock_mono_ns();
	int started, err = 0;

	if (o->silent || set->asked == 0)
		return 0;
	started = start(
		kind == OWNER_USER ? "passwd" : "group", set, &child, &from);
	if (started == 0)
		err = take_answer(&a, from);
	set->asked = 0;
	o->spent += clock_mono_ns() - began;
	if (err == -ETIMEDOUT)
		o->timeouts++;
	/* Not installed, or may not be run: nor will the next one. */
	o->silent = o->timeouts >= TIMEOUTS_MAX || o->spent > TIME_NS ||
		    started == -ENOENT || started == -EACCES;
	return err == -ENOMEM ? err : 0;
}

static int
meet(struct owners *o, enum owner_kind kind, uint32_t number, struct buf *b)
{
	struct owner_set *set = set_of(o, kind);
	int fresh;

	if (o->silent)
		return 0;
	fresh = is_new(set, number);
	if (fresh <= 0)
		return fresh;
	set->ask[set->asked++] = number;
	return set->asked == OWNERS_ASK ? ask(o, kind, b) : 0;
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

int
owners_tell(struct owners *o, struct buf *b)
{
	int err = ask(o, OWNER_USER, b);

	return err < 0 ? err : ask(o, OWNER_GROUP, b);
}

void
owners_free(struct owners *o)
{
	mem_free(o->set[0].slot);
	mem_free(o->set[1].slot);
	*o = (struct owners){0};
}
