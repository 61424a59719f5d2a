/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The agent and a vault that says whatever it likes: u16 length and as many
 * bytes for each time that the agent looks, 0 for a vault that is silent. What
 * the agent says is made of frames, and never more than it has credit for; and
 * what it takes was in its turn. The
 * paths that are asked for lead to a small tree made here.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/serve.h"
#include "agent/walk.h"
#include "format/attrs.h"
#include "tests/fuzz/entry.h"
#include "tests/fuzz/units.h"
#include "tests/lib/check.h"
#include "util/child.h"
#include "util/io.h"

const struct units units = {.head = 2, .width = 2};

/* More than the tree has. */
#define BATCHES_MAX 2000U

static struct rcur said; /* by the vault, not yet looked at */
static struct buf heard; /* all that the agent looked at */
static char tree[4096], file[4096 + 8];

ssize_t __wrap_io_recv_some(int fd, void *p, size_t n);
int __wrap_walk_new(const struct walk_opts *opts, struct dirs *dirs,
	struct out *out, struct walk **ret);
int __real_walk_new(const struct walk_opts *opts, struct dirs *dirs,
	struct out *out, struct walk **ret);
int __wrap_child_spawn(const struct child_opts *opts, struct child *ret);

ssize_t
__wrap_io_recv_some(int fd, void *p, size_t n)
{
	uint16_t len = rcur_u16(&said);
	struct span bytes = rcur_span(&said, len);

	(void)fd;
	if (!rcur_ok(&said))
		return 0;
	TRIP_MUST(bytes.n <= n);
	if (bytes.n == 0)
		return -EAGAIN;
	memcpy(p, bytes.p, bytes.n);
	TRIP_MUST(buf_append(&heard, bytes.p, bytes.n) == 0);
	return (ssize_t)bytes.n;
}

int
__wrap_walk_new(const struct walk_opts *opts, struct dirs *dirs,
	struct out *out, struct walk **ret)
{
	static struct span path[WIRE_PATHS_MAX];
	struct walk_opts here = *opts;

	for (uint32_t i = 0; i < opts->paths; i++)
		path[i] = span_str(opts->path[i].n % 2 == 0 ? tree : file);
	here.path = path;
	return __real_walk_new(&here, dirs, out, ret);
}

/* No getent. */
int
__wrap_child_spawn(const struct child_opts *opts, struct child *ret)
{
	(void)opts;
	(void)ret;
	return -ENOENT;
}

static void
make_file(int dir, const char *name, off_t hole, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	TRIP_MUST(fd >= 0);
	TRIP_MUST(
		pwrite(fd, text, strlen(text), hole) == (ssize_t)strlen(text));
	/* Not every file system has such attributes. */
	(void)fsetxattr(fd, "user.k", "v", 1, 0);
	close(fd);
}

static void
make_tree(void)
{
	char name[16];
	int dir;

	snprintf(tree, sizeof(tree), "%s", check_scratch());
	snprintf(file, sizeof(file), "%s/file", tree);
	atexit(check_remove_scratch_);
	dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	TRIP_MUST(dir >= 0 && mkdirat(dir, "sub", 0755) == 0 &&
		  mkdirat(dir, "sub/below", 0700) == 0 &&
		  mkdirat(dir, "cache", 0755) == 0 &&
		  symlinkat("sub/below", dir, "link") == 0 &&
		  mkfifoat(dir, "fifo", 0600) == 0);
	make_file(dir, "file", 0, "a few bytes");
	make_file(dir, "holes", 20000, "behind a hole");
	make_file(dir, "cache/CACHEDIR.TAG", 0,
		"Signature: 8a477f597d28d172789f06886806bc55");
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "sub/%d.tmp", i);
		make_file(dir, name, 0, name);
	}
	close(dir);
}

/* The decoder of each type takes what was said. */
static void
check_frame(const struct wire_head *head, struct span payload)
{
	_cleanup_buf_ struct buf again = BUF_INIT, frame = BUF_INIT;
	uint8_t bytes[WIRE_HEAD_SIZE];

	wire_head_encode(head, bytes);
	TRIP_MUST(buf_append(&frame, bytes, sizeof(bytes)) == 0);
	TRIP_MUST(buf_append(&frame, payload.p, payload.n) == 0);
	TRIP_MUST(trip_wire_agent(buf_span(&frame), &again) == TRIP_EXACT);
}

/* What the agent said. */
struct answer {
	uint64_t used; /* of its credit */
	uint32_t batches;
	uint16_t n[BATCHES_MAX]; /* entries of each */
};

static void
read_answer(struct span bytes, bool whole, struct answer *ret)
{
	struct rcur r = rcur_init(bytes);
	struct wire_batch batch;

	*ret = (struct answer){.used = 0};
	while (rcur_left(&r) > 0) {
		struct wire_head head;
		struct span payload;

		TRIP_MUST(wire_head_decode(rcur_span(&r, WIRE_HEAD_SIZE),
				  WIRE_FROM_AGENT, &head) == 0);
		payload = rcur_span(&r, head.length);
		TRIP_MUST(rcur_ok(&r));
		check_frame(&head, payload);
		if (wire_counts(head.type))
			ret->used += payload.n;
		/* DONE is the last, and only of a whole answer. */
		TRIP_MUST(head.type != WIRE_DONE ||
			  (whole && rcur_left(&r) == 0));
		if (head.type != WIRE_BATCH)
			continue;
		TRIP_MUST(wire_batch_decode(payload, &batch) == 0);
		TRIP_MUST(batch.batch == ret->batches);
		TRIP_MUST(ret->batches < BATCHES_MAX);
		ret->n[ret->batches++] = batch.n;
	}
}

/* What the vault said, as far as the agent may have taken it. */
struct asked {
	unsigned __int128 credit;
	bool legal; /* each WANT was for a batch, once, and for all of it */
};

static void
read_asked(const struct answer *a, struct asked *ret)
{
	struct rcur r = rcur_init(buf_span(&heard));
	bool wanted[BATCHES_MAX] = {false};
	struct wire_head head;
	struct wire_start start;
	struct wire_want want;
	uint64_t more;

	*ret = (struct asked){.legal = true};
	while (wire_head_decode(rcur_span(&r, WIRE_HEAD_SIZE), WIRE_FROM_VAULT,
		       &head) == 0) {
		struct span payload = rcur_span(&r, head.length);

		if (!rcur_ok(&r))
			break;
		if (wire_start_decode(payload, &start) == 0 &&
			head.type == WIRE_START)
			ret->credit += start.credit;
		if (head.type == WIRE_CREDIT &&
			wire_credit_decode(payload, &more) == 0)
			ret->credit += more;
		if (head.type != WIRE_WANT ||
			wire_want_decode(payload, &want) != 0)
			continue;
		if (want.batch >= a->batches || wanted[want.batch] ||
			want.want.n != a->n[want.batch])
			ret->legal = false;
		else
			wanted[want.batch] = true;
	}
}

static void
check(struct span bytes, int err)
{
	struct answer answer;
	struct asked asked;

	read_answer(bytes, err == 0, &answer);
	read_asked(&answer, &asked);
	TRIP_MUST(answer.used <= asked.credit);
	if (err != -EPROTO)
		TRIP_MUST(asked.credit - answer.used <= UINT64_MAX);
	if (err == 0)
		TRIP_MUST(asked.legal);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int in = -1, out = -1, here = -1;
	_cleanup_buf_ struct buf answer = BUF_INIT;
	const char *why = NULL;
	int err;

	if (in < 0) {
		make_tree();
		in = memfd_create("vault", MFD_CLOEXEC);
		out = memfd_create("agent", MFD_CLOEXEC);
		here = open(".", O_PATH | O_CLOEXEC);
	}
	TRIP_MUST(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
	said = rcur_init(span_of(data, size));
	buf_clear(&heard);
	err = serve(in, out, &why);
	/* It goes where it reads. */
	TRIP_MUST(fchdir(here) == 0);
	TRIP_MUST(err <= 0 && (err == 0 || why));
	TRIP_MUST(err == 0 || err == -EPROTO || err == -EPIPE);
	/* The vault is gone only when all that it said was taken. */
	TRIP_MUST(err != -EPIPE || !rcur_ok(&said));
	TRIP_MUST(buf_reserve(&answer, 1U << 20) == 0);
	TRIP_MUST(lseek(out, 0, SEEK_SET) == 0);
	answer.n = (size_t)read(out, answer.p, answer.cap);
	TRIP_MUST(answer.n < answer.cap);
	check(buf_span(&answer), err);
	return 0;
}
