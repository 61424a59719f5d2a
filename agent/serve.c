/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/dirs.h"
#include "agent/exclude.h"
#include "agent/filedata.h"
#include "agent/leases.h"
#include "agent/meta.h"
#include "agent/out.h"
#include "agent/serve.h"
#include "agent/walk.h"
#include "format/wire.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/limits.h"
#include "util/mem.h"

/*
 * Batches that may wait for an answer: enough that a vault some hundred
 * milliseconds away never lets the agent wait for directories of usual size.
 */
#define AHEAD 64U

/* Bytes of one read of input. */
#define IN_ROOM (64U * 1024U)

/* What the pipe to the vault should hold, so that both ends have work. */
#define PIPE_ROOM (1024 * 1024)

/* Descriptors that are needed besides those of directories. */
#define OTHER_FDS 16U

enum phase {
	PHASE_HELLO,
	PHASE_START,
	PHASE_SERVE,
};

struct serve {
	int in;
	struct out out;
	struct buf input;
	size_t input_at; /* what is before has been worked off */
	enum phase phase;
	bool stop;
	const char *why;
	struct buf start; /* the paths and patterns */
	struct span *path;
	struct excludes excludes;
	struct dirs dirs;
	struct leases leases;
	struct walk *walk;
	struct meta_attrs attrs;
	/* Batches from oldest to next are open; done ones leave a NULL. */
	struct batch *batch[AHEAD];
	uint32_t oldest, next;
};

static int
refuse(struct serve *s, const char *why)
{
	s->why = why;
	return -EPROTO;
}

/* Frames from the vault. */

static int
on_hello(struct serve *s, struct span payload)
{
	struct wire_hello hello;
	int err;

	err = wire_hello_decode(payload, WIRE_FROM_VAULT, &hello);
	if (err == -EPROTONOSUPPORT)
		return refuse(s, "the vault speaks another protocol");
	if (err < 0)
		return refuse(s, "the vault's greeting is not well-formed");
	s->phase = PHASE_START;
	return 0;
}

static int
take_strings(struct serve *s, const struct wire_start *start)
{
	struct rcur at = rcur_init(buf_span(&s->start));
	struct span string;
	int err = 0;

	s->path = mem_array(start->paths, sizeof(*s->path));
	if (!s->path)
		return -ENOMEM;
	for (uint32_t i = 0; i < start->paths; i++) {
		if (!wire_start_next(&at, &s->path[i]))
			return refuse(s, "a path is missing");
	}
	while (err == 0 && wire_start_next(&at, &string))
		err = excludes_add(&s->excludes, string);
	return err;
}

static int
on_start(struct serve *s, struct span payload)
{
	struct wire_start start;
	struct walk_opts opts;
	int err;

	if (wire_start_decode(payload, &start) < 0)
		return refuse(s, "the vault's START is not well-formed");
	err = buf_append(&s->start, start.strings.p, start.strings.n);
	if (err == 0)
		err = take_strings(s, &start);
	if (err < 0)
		return err;
	opts = (struct walk_opts){.path = s->path,
		.paths = start.paths,
		.excludes = &s->excludes,
		.options = start.options};
	s->out.credit = start.credit;
	s->phase = PHASE_SERVE;
	return walk_new(&opts, &s->dirs, &s->out, &s->walk);
}

static int
on_want(struct serve *s, struct span payload)
{
	struct wire_want want;
	struct batch *b;

	if (wire_want_decode(payload, &want) < 0)
		return refuse(s, "a WANT is not well-formed");
	if (want.batch < s->oldest || want.batch >= s->next)
		return refuse(s, "a WANT is for a batch that is not open");
	b = s->batch[want.batch % AHEAD];
	if (!b || b->answered)
		return refuse(s, "a WANT is for a batch that is not open");
	if (want.want.n != b->n)
		return refuse(s, "a WANT is for another number of entries");
	for (size_t i = 0; i < b->n; i++)
		b->item[i].want = want.want.p[i];
	b->answered = true;
	return 0;
}

static int
on_credit(struct serve *s, struct span payload)
{
	uint64_t more;

	if (wire_credit_decode(payload, &more) < 0 ||
		!add64_ok(s->out.credit, more, &s->out.credit))
		return refuse(s, "a CREDIT is not well-formed");
	return 0;
}

static int
on_stop(struct serve *s, struct span payload)
{
	if (wire_stop_decode(payload) < 0)
		return refuse(s, "a STOP is not well-formed");
	s->stop = true;
	return 0;
}

static const struct {
	enum wire_type type;
	enum phase phase; /* the one in which it may come */
	int (*handle)(struct serve *s, struct span payload);
} handlers[] = {
	{WIRE_VAULT_HELLO, PHASE_HELLO, on_hello},
	{WIRE_START, PHASE_START, on_start},
	{WIRE_WANT, PHASE_SERVE, on_want},
	{WIRE_CREDIT, PHASE_SERVE, on_credit},
	{WIRE_STOP, PHASE_SERVE, on_stop},
};

static int
handle(struct serve *s, enum wire_type type, struct span payload)
{
	for (size_t i = 0; i < array_len(handlers); i++) {
		if (handlers[i].type != type)
			continue;
		if (handlers[i].phase != s->phase)
			break;
		return handlers[i].handle(s, payload);
	}
	return refuse(s, "the vault sent a frame out of turn");
}

/* Work off the whole frames of the input. */
static int
parse(struct serve *s)
{
	for (;;) {
		size_t left = s->input.n - s->input_at;
		const uint8_t *p = s->input.p + s->input_at;
		struct wire_head head;
		int err;

		if (left < WIRE_HEAD_SIZE)
			return 0;
		err = wire_head_decode(
			span_of(p, WIRE_HEAD_SIZE), WIRE_FROM_VAULT, &head);
		if (err < 0)
			return refuse(s, "the vault sent an unknown frame");
		if (left - WIRE_HEAD_SIZE < head.length)
			return 0;
		s->input_at += WIRE_HEAD_SIZE + head.length;
		err = handle(
			s, head.type, span_of(p + WIRE_HEAD_SIZE, head.length));
		if (err < 0)
			return err;
	}
}

static void
pack_input(struct serve *s)
{
	size_t left = s->input.n - s->input_at;

	if (s->input_at > 0 && left > 0)
		memmove(s->input.p, s->input.p + s->input_at, left);
	s->input.n = left;
	s->input_at = 0;
}

/*
 * Take what input there is, without waiting. Frames only set things down:
 * this may be called in the middle of any output.
 */
static int
take_input(struct serve *s)
{
	for (;;) {
		ssize_t got;
		int err;

		pack_input(s);
		err = buf_reserve(&s->input, IN_ROOM);
		if (err < 0)
			return err;
		got = io_recv_some(s->in, s->input.p + s->input.n, IN_ROOM);
		if (got == -EAGAIN)
			return 0;
		if (got == 0 || got == -ECONNRESET)
			return -EPIPE;
		if (got < 0)
			return (int)got;
		s->input.n += (size_t)got;
		err = parse(s);
		if (err < 0 || (size_t)got < IN_ROOM)
			return err;
	}
}

/* Wait for input, and with room also for the vault to read. */
static int
wait_vault(struct serve *s, bool room)
{
	struct pollfd p[2] = {{.fd = s->in, .events = POLLIN},
		{.fd = room ? s->out.fd : -1, .events = POLLOUT}};

	if (poll(p, 2, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	return p[0].revents ? take_input(s) : 0;
}

static bool
may_list(const struct serve *s)
{
	return !s->stop && s->next - s->oldest < AHEAD && !walk_ended(s->walk);
}

static int
list_batch(struct serve *s)
{
	struct batch *b;
	int err;

	err = walk_next(s->walk, &b);
	if (err < 0)
		return err;
	s->batch[s->next % AHEAD] = b;
	s->next++;
	return out_push(&s->out);
}

/*
 * Without credit for data there still may be directories to list: their
 * batches then come between the data of a file.
 */
static int
wait_for(void *ctx, enum out_need need)
{
	struct serve *s = ctx;
	uint64_t credit = s->out.credit;
	int err;

	if (need == OUT_NEED_ROOM)
		return wait_vault(s, true);
	err = take_input(s);
	if (err < 0 || s->out.credit != credit)
		return err;
	if (may_list(s))
		return list_batch(s);
	err = out_flush(&s->out);
	if (err < 0 || s->out.credit != credit)
		return err;
	return wait_vault(s, false);
}

/* What the vault wants of an entry. */

struct entry {
	struct wire_at at;
	const struct item *item;
	const char *name;
	struct batch *batch;
};

/* What became of an entry's directory. -ENOENT is kept for the entry, which
 * counts as removed then: a directory that was moved still has it. */
static int
of_dir(int err)
{
	return err == -ENOENT ? -ESTALE : err;
}

/* AT_FDCWD for a root: its name is absolute. */
static int
entry_dir(struct serve *s, const struct entry *e)
{
	if (!e->batch->dir)
		return AT_FDCWD;
	return of_dir(dirs_open(&s->dirs, e->batch->dir));
}

static int
problem(struct serve *s, const struct entry *e, enum problem_reason reason,
	int err)
{
	const struct wire_problem p = {e->at, reason, (uint32_t)err};

	return wire_problem_encode(&s->out.b, &p);
}

/* A descriptor of the file that was listed, or a negative errno. */
static int
open_file(struct serve *s, const struct entry *e, struct stat *ret_st)
{
	_cleanup_close_ int fd = -1;
	int dir = entry_dir(s, e);

	if (dir < 0 && dir != AT_FDCWD)
		return dir;
	fd = leases_openat(
		&s->leases, dir, e->name, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode) || ret_st->st_dev != e->item->dev ||
		ret_st->st_ino != e->item->ino)
		return -ESTALE;
	return take_fd(&fd);
}

/* By name: is it still the inode that was listed? 0 or a positive errno. */
static int
check_entry(struct serve *s, const struct entry *e)
{
	int dir = entry_dir(s, e);
	struct stat st;

	if (dir < 0 && dir != AT_FDCWD)
		return -dir;
	if (fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	if (st.st_dev != e->item->dev || st.st_ino != e->item->ino)
		return ESTALE;
	return 0;
}

/* -ENOENT of an entry counts as removed: that it must be. Something else when a
 * file system only says so of what is there. */
static int
of_entry(struct serve *s, const struct entry *e, int err)
{
	int wrong;

	if (err != -ENOENT)
		return err;
	wrong = check_entry(s, e);
	return wrong == 0 ? -EIO : -wrong;
}

/*
 * The calls for attributes take no directory, and a path could be too long
 * or be led elsewhere: so they are made from inside the directory.
 */
static int
read_attrs(struct serve *s, const struct entry *e, int fd,
	enum problem_reason *reason, int *problem_err)
{
	int err = 0, wrong = 0;

	if (fd < 0 && e->batch->dir)
		wrong = -of_dir(dirs_enter(&s->dirs, e->batch->dir));
	if (wrong == 0)
		err = meta_attrs_read(
			&s->attrs, fd, e->name, reason, problem_err);
	if (err < 0)
		return err;
	if (wrong == 0 && fd < 0 && meta_attrs_any(&s->attrs))
		wrong = check_entry(s, e);
	if (wrong == 0) {
		*problem_err = -of_entry(s, e, -*problem_err);
		return 0;
	}
	*reason = PROBLEM_ATTRS;
	*problem_err = wrong;
	buf_clear(&s->attrs.set);
	return attrs_encode(&s->attrs.set, NULL, 0);
}

/* An ATTRS frame in any case. */
static int
send_attrs(struct serve *s, const struct entry *e, int fd)
{
	struct wire_attrs attrs = {.at = e->at};
	enum problem_reason reason = 0;
	int wrong = 0, err;

	err = read_attrs(s, e, fd, &reason, &wrong);
	if (err == 0 && wrong != 0)
		err = problem(s, e, reason, wrong);
	if (err == 0)
		err = out_charge(&s->out, 8 + s->attrs.set.n);
	if (err < 0)
		return err;
	attrs.set = buf_span(&s->attrs.set);
	err = wire_attrs_encode(&s->out.b, &attrs);
	return err == 0 ? out_push(&s->out) : err;
}

static int
send_link(struct serve *s, const struct entry *e)
{
	char target[LIMIT_LINK_TARGET + 1];
	struct wire_link link = {.at = e->at};
	ssize_t n = -1;
	int dir = entry_dir(s, e), wrong, err;

	if (dir < 0 && dir != AT_FDCWD)
		return problem(s, e, PROBLEM_LINK, -dir);
	n = readlinkat(dir, e->name, target, sizeof(target));
	if (n < 0)
		return problem(s, e, PROBLEM_LINK, -of_entry(s, e, -errno));
	wrong = check_entry(s, e);
	if (wrong != 0)
		return problem(s, e, PROBLEM_LINK, wrong);
	if (n == 0 || n > LIMIT_LINK_TARGET || memchr(target, '\0', (size_t)n))
		return problem(s, e, PROBLEM_LINK, ENAMETOOLONG);
	err = out_charge(&s->out, 8 + (size_t)n);
	if (err < 0)
		return err;
	link.target = span_of(target, (size_t)n);
	err = wire_link_encode(&s->out.b, &link);
	return err == 0 ? out_push(&s->out) : err;
}

static int
send_file(struct serve *s, const struct entry *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int err, failed;

	fd = open_file(s, e, &st);
	failed = fd < 0 ? -of_entry(s, e, fd) : 0;
	if (e->item->want & WIRE_WANT_ATTRS) {
		err = send_attrs(s, e, fd);
		if (err < 0)
			return err;
	}
	if (failed != 0)
		return filedata_refuse(&s->out, e->at, failed);
	return filedata_send(&s->out, e->at, fd, &st);
}

static int
send_entry(struct serve *s, const struct entry *e)
{
	bool content = (e->item->want & WIRE_WANT_CONTENT) != 0;
	int err = 0;

	if (content && e->item->kind == FILE_REGULAR)
		return send_file(s, e);
	if (e->item->want & WIRE_WANT_ATTRS)
		err = send_attrs(s, e, -1);
	if (err == 0 && content && e->item->kind == FILE_SYMLINK)
		err = send_link(s, e);
	return err;
}

/* The batch that has waited longest for what was wanted of it. */
static struct batch *
answered_batch(const struct serve *s)
{
	for (uint32_t i = s->oldest; i < s->next; i++) {
		struct batch *b = s->batch[i % AHEAD];

		if (b && b->answered)
			return b;
	}
	return NULL;
}

static void
close_batch(struct serve *s, struct batch *b)
{
	s->batch[b->number % AHEAD] = NULL;
	batch_free(&s->dirs, b);
	while (s->oldest < s->next && !s->batch[s->oldest % AHEAD])
		s->oldest++;
}

/* Ends early when the vault says stop; the batch is then not done. */
static int
serve_batch(struct serve *s, struct batch *b)
{
	int err;

	for (uint16_t i = 0; i < b->n; i++) {
		const struct item *item = &b->item[i];
		const struct entry e = {
			{b->number, i}, item, b->text + item->name, b};

		if (s->stop)
			return 0;
		if (item->want == 0)
			continue;
		err = send_entry(s, &e);
		if (err < 0)
			return err;
	}
	err = wire_batch_done_encode(&s->out.b, b->number);
	close_batch(s, b);
	return err == 0 ? out_push(&s->out) : err;
}

static int
work(struct serve *s)
{
	for (;;) {
		struct batch *b;
		int err;

		err = take_input(s);
		if (err < 0)
			return err;
		b = s->phase == PHASE_SERVE ? answered_batch(s) : NULL;
		if (s->phase == PHASE_SERVE &&
			(s->stop ||
				(walk_ended(s->walk) && s->oldest == s->next)))
			return wire_done_encode(&s->out.b, s->next);
		if (b) {
			err = serve_batch(s, b);
		} else if (s->phase == PHASE_SERVE && may_list(s)) {
			err = list_batch(s);
		} else {
			err = out_flush(&s->out);
			if (err == 0)
				err = wait_vault(s, false);
		}
		if (err < 0)
			return err;
	}
}

static unsigned int
dirs_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
		limit.rlim_cur >= DIRS_OPEN_MAX + OTHER_FDS)
		return DIRS_OPEN_MAX;
	if (limit.rlim_cur < OTHER_FDS + 4)
		return 4;
	return (unsigned int)limit.rlim_cur - OTHER_FDS;
}

static int
run(struct serve *s)
{
	const struct wire_hello hello = {AHEAD, clock_wall().sec};
	int err;

	err = buf_reserve(&s->out.b, OUT_FULL);
	if (err == 0)
		err = wire_hello_encode(&s->out.b, WIRE_FROM_AGENT, &hello);
	if (err == 0)
		err = work(s);
	return err == 0 ? out_flush(&s->out) : err;
}

static void
serve_free(struct serve *s)
{
	for (size_t i = 0; i < AHEAD; i++)
		batch_free(&s->dirs, s->batch[i]);
	walk_free(s->walk);
	meta_attrs_free(&s->attrs);
	excludes_free(&s->excludes);
	mem_free(s->path);
	buf_free(&s->start);
	buf_free(&s->input);
	buf_free(&s->out.b);
}

int
serve(int in, int out, const char **ret_why)
{
	struct serve s = {.in = in, .out = {.fd = out, .wait = wait_for}};
	int flags_in = fcntl(in, F_GETFL), flags_out = fcntl(out, F_GETFL);
	int err;

	s.out.ctx = &s;
	dirs_init(&s.dirs, dirs_limit());
	if (flags_in < 0 || flags_out < 0 ||
		fcntl(in, F_SETFL, flags_in | O_NONBLOCK) < 0 ||
		fcntl(out, F_SETFL, flags_out | O_NONBLOCK) < 0) {
		*ret_why = strerror(errno);
		return -errno;
	}
	/* Refused for anything but a pipe, and above the user's limit. */
	(void)fcntl(out, F_SETPIPE_SZ, PIPE_ROOM);
	err = run(&s);
	serve_free(&s);
	/* Whoever has these descriptors besides us finds them as they were. */
	(void)fcntl(out, F_SETFL, flags_out);
	(void)fcntl(in, F_SETFL, flags_in);
	if (err < 0)
		*ret_why = s.why ? s.why : strerror(-err);
	return err;
}
