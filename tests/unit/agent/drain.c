/* SPDX-License-Identifier: Apache-2.0 */

/*
 * drain AGENT list|all|again PATH: a vault that wants nothing, everything or
 * attributes only, throws it away, and prints what came and what it cost the
 * agent. For measuring; it trusts the agent.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "format/wire.h"
#include "util/child.h"
#include "util/io.h"

#define CREDIT (UINT64_C(8) << 20)
#define IN_SIZE (4U << 20)

static uint8_t in[IN_SIZE];
static uint64_t frames[128], bytes, entries, unreturned;
static uint8_t want;

static void
die(const char *what)
{
	fprintf(stderr, "drain: %s\n", what);
	exit(1);
}

static void
send_all(int fd, struct buf *b)
{
	if (io_write_full(fd, b->p, b->n) < 0)
		die("the agent does not read");
	buf_clear(b);
}

static int
answer(struct buf *b, struct span payload)
{
	static uint8_t wants[WIRE_ENTRIES_MAX];
	struct wire_batch batch;
	struct wire_want w;

	if (wire_batch_decode(payload, &batch) < 0)
		die("a batch is not well-formed");
	memset(wants, want, batch.n);
	entries += batch.n;
	w = (struct wire_want){batch.batch, span_of(wants, batch.n)};
	return wire_want_encode(b, &w);
}

/* True at DONE. */
static bool
take(struct buf *b, enum wire_type type, struct span payload)
{
	int err = 0;

	frames[type]++;
	if (wire_counts(type)) {
		bytes += payload.n;
		unreturned += payload.n;
	}
	if (type == WIRE_BATCH)
		err = answer(b, payload);
	if (unreturned > CREDIT / 4) {
		err = wire_credit_encode(b, unreturned);
		unreturned = 0;
	}
	if (err < 0)
		die("out of memory");
	return type == WIRE_DONE;
}

static void
drain(int from, int to)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	size_t have = 0;
	bool done = false;

	while (!done) {
		ssize_t got = io_read_some(from, in + have, IN_SIZE - have);
		size_t at = 0;

		if (got <= 0)
			die("the agent ended");
		have += (size_t)got;
		while (!done && have - at >= WIRE_HEAD_SIZE) {
			struct wire_head h;

			if (wire_head_decode(span_of(in + at, WIRE_HEAD_SIZE),
				    WIRE_FROM_AGENT, &h) < 0)
				die("a frame is not well-formed");
			if (have - at - WIRE_HEAD_SIZE < h.length)
				break;
			at += WIRE_HEAD_SIZE;
			done = take(&b, h.type, span_of(in + at, h.length));
			at += h.length;
		}
		memmove(in, in + at, have - at);
		have -= at;
		if (b.n > 0)
			send_all(to, &b);
	}
}

static void
greet(int to, const char *path)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const struct wire_hello hello = {0};
	struct span p = span_str(path);
	struct wire_start start = {.paths = 1, .credit = CREDIT};

	if (wire_hello_encode(&b, WIRE_FROM_VAULT, &hello) < 0 ||
		wire_start_encode(&b, &start, &p, NULL) < 0)
		die("cannot greet");
	send_all(to, &b);
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	struct child_opts opts = {.die_with_parent = true, .maps = 3};
	char *agent[] = {argc > 1 ? argv[1] : NULL, NULL};
	struct child child = CHILD_NONE;
	struct timespec begin, end;
	struct rusage used;
	int to[2], from[2], status;

	if (argc != 4 || pipe(to) < 0 || pipe(from) < 0)
		die("usage: drain AGENT list|all|again PATH");
	want = strcmp(argv[2], "all") == 0     ? 3
	       : strcmp(argv[2], "again") == 0 ? WIRE_WANT_ATTRS
					       : 0;
	opts.argv = agent;
	opts.map[0] = (struct child_map){to[0], 0};
	opts.map[1] = (struct child_map){from[1], 1};
	opts.map[2] = (struct child_map){2, 2};
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (child_spawn(&opts, &child) < 0)
		die("cannot start the agent");
	close(to[0]);
	close(from[1]);
	greet(to[1], argv[3]);
	drain(from[0], to[1]);
	if (wait4(child.pid, &status, 0, &used) < 0 || status != 0)
		die("the agent failed");
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%llu entries, %llu batches, %llu files, %llu bytes\n"
	       "%.3f s, agent %.3f s user, %.3f s system, %ld KiB\n",
		(unsigned long long)entries,
		(unsigned long long)frames[WIRE_BATCH],
		(unsigned long long)frames[WIRE_FILE_END],
		(unsigned long long)bytes,
		(double)(end.tv_sec - begin.tv_sec) +
			(double)(end.tv_nsec - begin.tv_nsec) / 1e9,
		seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss);
	return 0;
}
