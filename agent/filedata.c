/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/filedata.h"
#include "util/hook.h"

/* Bytes of one read and one DATA frame, which begin at multiples of it. */
#define PIECE (128U * 1024U)

/*
 * The least credit that a smaller frame is made for when there is not enough
 * for a whole piece.
 */
#define PIECE_LEAST 4096U

/*
 * Holes begin and end at multiples of it. What a kernel calls data in space
 * that was reserved and never written depends on its page cache: within a file
 * of holes, blocks of zeros are holes whatever it says, so that the same bytes
 * give the same content each time.
 */
#define HOLE_UNIT 4096U

/* Files above it are read ahead with a larger window. */
#define LARGE (512 * 1024)

/* Bytes that are read of a file which claims to have none. */
#define UNSIZED_MAX (16 * 1024 * 1024)

/* linux/magic.h does not have it. */
#define CONFIGFS_MAGIC 0x62656570

#define DATA_FRAME_HEAD (WIRE_HEAD_SIZE + WIRE_DATA_HEAD)

struct file {
	struct out *out;
	struct wire_at at;
	int fd;
	uint64_t off;  /* what is below has been sent */
	uint64_t size; /* where reading ends */
	int err;       /* of a read, positive */
	bool ended;    /* end of file met before size */
};

static struct when
when_of(struct timespec t)
{
	return (struct when){t.tv_sec, t.tv_nsec < 1000000000 && t.tv_nsec >= 0
					       ? (uint32_t)t.tv_nsec
					       : 999999999};
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_ino == b->st_ino &&
	       same_time(a->st_mtim, b->st_mtim) &&
	       same_time(a->st_ctim, b->st_ctim);
}

static ssize_t
read_piece(int fd, uint8_t *p, size_t n, uint64_t off)
{
	ssize_t got;

	do {
		size_t len = n;

		got = hook_check_len(HOOK_PREAD, &len);
		if (got < 0)
			continue;
		got = pread(fd, p, len, (off_t)off);
		if (got < 0)
			got = -errno;
	} while (got == -EINTR);
	return got;
}

/*
 * Credit and room for a frame of at most n bytes; *ret is where they belong,
 * behind the room for its head, and *ret_n how many there is credit for.
 */
static int
begin_frame(struct file *f, size_t n, uint8_t **ret, size_t *ret_n)
{
	struct buf *b = &f->out->b;
	size_t least = n < PIECE_LEAST ? n : PIECE_LEAST, credit;
	int err;

	err = out_charge_some(
		f->out, WIRE_DATA_HEAD + least, WIRE_DATA_HEAD + n, &credit);
	if (err == 0 && b->n > 0 && b->n + DATA_FRAME_HEAD + n > OUT_FULL)
		err = out_flush(f->out);
	if (err == 0)
		err = buf_reserve(b, DATA_FRAME_HEAD + n);
	if (err < 0)
		return err;
	*ret = b->p + b->n + DATA_FRAME_HEAD;
	*ret_n = credit - WIRE_DATA_HEAD;
	return 0;
}

static int
end_frame(struct file *f, size_t n)
{
	struct buf *b = &f->out->b;
	int err = wire_data_head(f->at, f->off, n, b->p + b->n);

	if (err < 0)
		return err;
	b->n += DATA_FRAME_HEAD + n;
	f->off += n;
	return 0;
}

/*
 * One frame of at most n bytes: the kernel copies them to where they are
 * written from, and the frame's head is put before them when their number is
 * known.
 */
static int
send_piece(struct file *f, size_t n)
{
	uint8_t *p;
	ssize_t got;
	int err;

	err = begin_frame(f, n, &p, &n);
	if (err < 0)
		return err;
	got = read_piece(f->fd, p, n, f->off);
	if (got <= 0) {
		f->out->credit += WIRE_DATA_HEAD + n;
		f->err = (int)-got;
		f->ended = got == 0;
		return 0;
	}
	f->out->credit += n - (size_t)got;
	return end_frame(f, (size_t)got);
}

/* What a piece that ends at end may still hold. */
static size_t
piece_size(const struct file *f, uint64_t end)
{
	uint64_t n = PIECE - f->off % PIECE;

	return (size_t)(n < end - f->off ? n : end - f->off);
}

static int
send_data(struct file *f, uint64_t end)
{
	int err = 0;

	while (err == 0 && f->off < end && f->err == 0 && !f->ended)
		err = send_piece(f, piece_size(f, end));
	return err;
}

static int
send_hole(struct file *f, uint64_t end)
{
	const struct wire_hole hole = {f->at, f->off, end - f->off};
	int err;

	err = out_charge(f->out, 24);
	if (err == 0)
		err = wire_hole_encode(&f->out->b, &hole);
	f->off = end;
	return err == 0 ? out_push(f->out) : err;
}

static int
send_bytes(struct file *f, const uint8_t *from, size_t n)
{
	int err = 0;

	while (err == 0 && n > 0) {
		uint8_t *p;
		size_t part;

		err = begin_frame(f, n, &p, &part);
		if (err < 0)
			return err;
		memcpy(p, from, part);
		from += part;
		n -= part;
		err = end_frame(f, part);
	}
	return err;
}

static bool
is_zeros(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* The length of the run of blocks at p that are zeros, or that are not. */
static size_t
run_length(const uint8_t *p, size_t n, bool *ret_zeros)
{
	size_t run = 0;

	while (run < n) {
		size_t block = n - run < HOLE_UNIT ? n - run : HOLE_UNIT;
		bool zeros = is_zeros(p + run, block);

		if (run == 0)
			*ret_zeros = zeros;
		else if (zeros != *ret_zeros)
			break;
		run += block;
	}
	return run;
}

static int
send_runs(struct file *f, const uint8_t *p, size_t n)
{
	int err = 0;

	while (err == 0 && n > 0) {
		bool zeros;
		size_t run = run_length(p, n, &zeros);

		err = zeros ? send_hole(f, f->off + run)
			    : send_bytes(f, p, run);
		p += run;
		n -= run;
	}
	return err;
}

/* Fill p, but for the end of the file or an error: the bytes read. */
static size_t
read_whole(struct file *f, uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n && f->err == 0 && !f->ended) {
		ssize_t got =
			read_piece(f->fd, p + done, n - done, f->off + done);

		f->err = got < 0 ? (int)-got : 0;
		f->ended = got == 0;
		done += got > 0 ? (size_t)got : 0;
	}
	return done;
}

/* What the file system calls data, of a file with holes. */
static int
send_island(struct file *f, uint64_t end)
{
	_cleanup_buf_ struct buf piece = BUF_INIT;
	int err = 0;

	while (err == 0 && f->off < end && f->err == 0 && !f->ended) {
		size_t n = piece_size(f, end);

		err = buf_reserve(&piece, n);
		if (err == 0)
			err = send_runs(f, piece.p, read_whole(f, piece.p, n));
	}
	return err;
}

static bool
cannot_seek(int err)
{
	return err == EINVAL || err == EOPNOTSUPP || err == ENOSYS;
}

/*
 * Where data begin (SEEK_DATA) or end (SEEK_HOLE) from off on; never below
 * off nor beyond the size. A file system that cannot tell has data only; a
 * disk that fails is no such answer.
 */
static uint64_t
seek(struct file *f, int whence)
{
	off_t got = lseek(f->fd, (off_t)f->off, whence);

	if (got < 0 && errno == ENXIO)
		return f->size;
	if (got < 0) {
		if (!cannot_seek(errno))
			f->err = errno;
		return whence == SEEK_DATA ? f->off : f->size;
	}
	if ((uint64_t)got > f->size)
		return f->size;
	return (uint64_t)got > f->off ? (uint64_t)got : f->off;
}

static int
send_sparse(struct file *f)
{
	int err = 0;

	while (err == 0 && f->off < f->size && f->err == 0 && !f->ended) {
		uint64_t data = seek(f, SEEK_DATA), end;

		data -= data == f->size ? 0 : data % HOLE_UNIT;
		if (data > f->off)
			err = send_hole(f, data);
		if (err < 0 || f->err != 0 || data == f->size)
			return err;
		/* Data that end where they begin are no answer. */
		end = seek(f, SEEK_HOLE);
		end += (HOLE_UNIT - end % HOLE_UNIT) % HOLE_UNIT;
		err = send_island(
			f, end > f->off && end < f->size ? end : f->size);
	}
	return err;
}

/*
 * Files of /proc and the like claim no size and hold bytes all the same: they
 * are read to their end. What has none is not followed for ever.
 */
static int
send_unsized(struct file *f)
{
	int err = send_data(f, UNSIZED_MAX);

	if (err == 0 && f->err == 0 && !f->ended)
		f->err = EFBIG;
	f->ended = false;
	return err;
}

static int
send_once(struct file *f, const struct stat *st)
{
	f->off = 0;
	f->size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
	f->ended = false;
	if (f->size == 0)
		return send_unsized(f);
	if ((uint64_t)st->st_blocks < f->size / 512 + (f->size % 512 != 0))
		return send_sparse(f);
	return send_data(f, f->size);
}

/* In /sys each file claims a page, whatever it holds. */
static bool
sizes_are_claims(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 &&
	       (st.f_type == SYSFS_MAGIC || st.f_type == CONFIGFS_MAGIC);
}

static int
send_end(struct file *f, const struct stat *st, uint16_t flags)
{
	const struct wire_file_end end = {.at = f->at,
		.flags = flags,
		.size = f->off,
		.mtime = when_of(st->st_mtim),
		.ctime = when_of(st->st_ctim)};
	int err = 0;

	if (f->err != 0) {
		const struct wire_problem p = {
			f->at, PROBLEM_NOT_READ, (uint32_t)f->err};

		err = wire_problem_encode(&f->out->b, &p);
	}
	if (err == 0)
		err = wire_file_end_encode(&f->out->b, &end);
	return err == 0 ? out_push(f->out) : err;
}

/*
 * The times told are those from before the reading: if it changed meanwhile,
 * the next listing shows others.
 */
int
filedata_send(struct out *out, struct wire_at at, int fd, const struct stat *st)
{
	struct file f = {.out = out, .at = at, .fd = fd};
	struct stat before = *st, after;
	bool again = false;
	int err;

	if (before.st_size > LARGE)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	for (;; again = true) {
		err = send_once(&f, &before);
		if (err < 0)
			return err;
		if (f.err == 0 && fstat(fd, &after) < 0)
			f.err = errno;
		if (f.err != 0)
			return send_end(&f, &before, WIRE_END_UNREAD);
		if (same(&before, &after))
			break;
		if (again || before.st_size >= FILEDATA_AGAIN_MAX ||
			after.st_size >= FILEDATA_AGAIN_MAX)
			return send_end(&f, &before, WIRE_END_CHANGED);
		before = after;
		err = wire_restart_encode(&out->b, at);
		if (err < 0)
			return err;
	}
	if (!f.ended)
		return send_end(&f, &before, 0);
	/* Shorter than it says, before and behind. */
	if (sizes_are_claims(fd))
		return send_end(&f, &before, WIRE_END_CHANGED);
	f.err = EIO;
	return send_end(&f, &before, WIRE_END_UNREAD);
}

int
filedata_refuse(struct out *out, struct wire_at at, int err)
{
	const struct wire_problem p = {at, PROBLEM_NOT_OPENED, (uint32_t)err};
	const struct wire_file_end end = {.at = at, .flags = WIRE_END_UNREAD};
	int ret;

	ret = wire_problem_encode(&out->b, &p);
	if (ret == 0)
		ret = wire_file_end_encode(&out->b, &end);
	return ret == 0 ? out_push(out) : ret;
}
