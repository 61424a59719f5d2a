/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/random.h>

#include "restore/links.h"
#include "restore/restore_internal.h"
#include "util/clock.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/mem.h"

/* Workers beside the walker: more only wait for each other's blocks. */
#define WORKERS_MIN 2U
#define WORKERS_MAX 4U
/* Jobs that may wait: half a megabyte of entries. */
#define QUEUE 32U
#define TELL_EVERY_NS 200000000U
/* Times looked at to learn what the target's file system can hold. */
#define PROBES 16

const char *
restore_kind_name(enum restore_kind kind)
{
	static const char *const names[RESTORE_KINDS] = {
		[RESTORE_OWNER] = "owners",
		[RESTORE_MODE] = "modes",
		[RESTORE_TIME] = "times",
		[RESTORE_XATTR] = "extended attributes",
		[RESTORE_ACL] = "POSIX ACLs",
		[RESTORE_CAPABILITY] = "file capabilities",
		[RESTORE_LINK] = "hard links",
	};

	return names[kind];
}

/* ---- what the other files call ---- */

bool
run_ending(struct run *run)
{
	const atomic_bool *stop = run->opts->stop;

	return atomic_load_explicit(&run->dead, memory_order_relaxed) ||
	       (stop && atomic_load_explicit(stop, memory_order_relaxed));
}

void
run_fatal(struct run *run, const struct fault *f)
{
	pthread_mutex_lock(&run->lock);
	if (run->fatal.code == FAULT_NONE)
		run->fatal = *f;
	pthread_mutex_unlock(&run->lock);
	atomic_store(&run->dead, true);
}

/* After these no file can be made any more. */
static bool
is_fatal(const struct fault *f)
{
	return f->code == FAULT_NO_MEMORY || f->err == -ENOSPC ||
	       f->err == -EDQUOT || f->err == -EROFS;
}

enum fault_code
run_target_code(int err)
{
	return err == -ENOSPC || err == -EDQUOT ? FAULT_TARGET_FULL : FAULT_IO;
}

int
run_path(const struct dir *dir, const char *name, size_t name_len,
	struct buf *ret)
{
	size_t n = name_len, at;

	/* The target itself has no name. */
	for (const struct dir *d = dir; d && d->parent; d = d->parent)
		n += d->name_len + 1;
	if (buf_reserve(ret, n) != 0)
		return -ENOMEM;
	at = ret->n + n - name_len;
	if (name_len > 0)
		memcpy(ret->p + at, name, name_len);
	for (const struct dir *d = dir; d && d->parent; d = d->parent) {
		ret->p[--at] = '/';
		at -= d->name_len;
		memcpy(ret->p + at, d->name, d->name_len);
	}
	ret->n += n;
	return 0;
}

/* The run ends by this, and says where it was. */
static void
end_at(struct run *run, const char *path, const struct fault *f)
{
	struct fault at = {0};

	if (f->object[0] != '\0') {
		run_fatal(run, f);
		return;
	}
	fault_set(&at, f->code, path[0] != '\0' ? path : run->opts->target,
		"%s", f->detail);
	at.err = f->err;
	run_fatal(run, &at);
}

void
run_failed(struct run *run, const struct dir *dir, const char *name,
	size_t name_len, const struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *path = name;

	/* What ends the run is told at its end, and once. */
	if (f->code == FAULT_INTERRUPTED)
		return;
	if (run_path(dir, name, name_len, &b) == 0 && buf_u8(&b, 0) == 0)
		path = (const char *)b.p;
	if (is_fatal(f)) {
		end_at(run, path, f);
		return;
	}
	if (!run->opts->problem)
		return;
	pthread_mutex_lock(&run->tell);
	run->opts->problem(run->opts->ctx, span_str(path), f);
	pthread_mutex_unlock(&run->tell);
}

void
run_cut(struct run *run, const struct dir *dir, const char *name,
	size_t name_len, struct restore_report *did)
{
	struct fault f = {0};

	fault_set(&f, FAULT_SOURCE_UNREADABLE, NULL,
		"the source could not read it to its end; what could be read "
		"is there");
	did->cut++;
	run_failed(run, dir, name, name_len, &f);
}

static void
add_report(struct restore_report *to, const struct restore_report *did)
{
	to->directories += did->directories;
	to->files += did->files;
	to->symlinks += did->symlinks;
	to->specials += did->specials;
	to->hard_links += did->hard_links;
	to->bytes += did->bytes;
	to->failed += did->failed;
	to->devices += did->devices;
	to->unread += did->unread;
	to->cut += did->cut;
	to->changed += did->changed;
	to->attrs_damaged += did->attrs_damaged;
	to->attrs_unread += did->attrs_unread;
	for (size_t i = 0; i < RESTORE_KINDS; i++) {
		if (to->lost[i] == 0)
			to->why[i] = did->why[i];
		to->lost[i] += did->lost[i];
	}
}

void
run_add(struct run *run, const struct restore_report *did, uint64_t entries,
	uint64_t bytes)
{
	struct restore_progress now = run->total;
	uint64_t ns = clock_mono_ns();
	bool tell;

	pthread_mutex_lock(&run->lock);
	add_report(&run->report, did);
	run->entries += entries;
	run->bytes += bytes;
	now.entries = run->entries;
	now.bytes = run->bytes;
	tell = run->opts->progress && ns - run->told_at >= TELL_EVERY_NS;
	if (tell)
		run->told_at = ns;
	pthread_mutex_unlock(&run->lock);
	if (!tell)
		return;
	pthread_mutex_lock(&run->tell);
	run->opts->progress(run->opts->ctx, &now);
	pthread_mutex_unlock(&run->tell);
}

/* ---- the target ---- */

static int
check_empty(int fd, const char *target, struct fault *f)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;
	int copy;

	copy = io_openat(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (copy >= 0)
		dir = fdopendir(copy);
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return fault_errno(f, FAULT_TARGET_BAD,
			copy < 0 ? copy : -ENOMEM, target,
			"it cannot be listed");
	}
	while (errno = 0, (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 &&
			strcmp(d->d_name, "..") != 0 &&
			strcmp(d->d_name, "lost+found") != 0)
			return fault_set(f, FAULT_TARGET_EXISTS, target,
				"the directory is not empty");
	}
	/* Or one that cannot be listed would pass for an empty one. */
	if (errno != 0)
		return fault_errno(f, FAULT_TARGET_BAD, -errno, target,
			"it cannot be listed");
	return 0;
}

/* The target directory, made if need be. */
static int
open_target(const struct restore_opts *opts, const struct place *top,
	struct fault *f)
{
	_cleanup_close_ int fd = -1;
	bool tree = place_is_dir(top);
	int err;

	err = io_mkdirat(AT_FDCWD, opts->target, tree ? 0700 : 0777);
	if (err < 0 && err != -EEXIST)
		return fault_errno(f, FAULT_TARGET_BAD, err, opts->target,
			"the directory cannot be made");
	fd = io_openat(AT_FDCWD, opts->target, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fault_errno(f, FAULT_TARGET_BAD, fd, opts->target,
			"it cannot be opened as a directory");
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
		return fault_errno(f, FAULT_TARGET_BAD, -errno, opts->target,
			"it cannot be written");
	if (tree && err == -EEXIST && !opts->overwrite) {
		err = check_empty(fd, opts->target, f);
		if (err < 0)
			return err;
		/* Nobody may look before the end, as into a new one; then it
		 * gets its mode, unless there is none. */
		if (top->path != PLACE_ABOVE)
			(void)fchmod(fd, 0700);
	}
	/* A new one has inherited from a directory that is not ours. */
	if (tree)
		make_plain(fd);
	return take_fd(&fd);
}

/* ---- a run ---- */

static unsigned int
workers(const struct restore_opts *opts)
{
	cpu_set_t set;
	unsigned int n = WORKERS_MIN;

	if (opts->workers > 0)
		return opts->workers;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (unsigned int)CPU_COUNT(&set);
	if (n < WORKERS_MIN)
		return WORKERS_MIN;
	return n > WORKERS_MAX ? WORKERS_MAX : n;
}

static int
run_begin(struct run *run, const struct restore_opts *opts,
	const struct place *top, struct fault *f)
{
	int err;

	memset(run, 0, sizeof(*run));
	run->opts = opts;
	run->snap = opts->snap;
	run->rootfd = -1;
	if (opts->store)
		folders_learn(&run->store, opts->store);
	run->uid = geteuid();
	run->gid = getegid();
	run->root = run->uid == 0;
	run->total.entries_total = top->entry.below + 1;
	run->total.bytes_total = top->entry.size;
	run->told_at = clock_mono_ns();
	atomic_init(&run->probes, PROBES);
	atomic_init(&run->temps, 0);
	pthread_mutex_init(&run->lock, NULL);
	pthread_mutex_init(&run->tell, NULL);
	pthread_cond_init(&run->freed, NULL);
	if (getrandom(&run->token, sizeof(run->token), 0) < 0)
		return fault_errno(f, FAULT_INTERNAL, -errno, opts->target,
			"no random number can be had");
	err = ways_create(&run->rootfd, &run->ways);
	if (err == 0)
		err = links_create(run->ways, &run->links);
	if (err == 0)
		err = pool_create(workers(opts), QUEUE, &run->pool);
	return err < 0 ? fault_errno(f, FAULT_NO_MEMORY, err, opts->target,
				 "threads cannot be started")
		       : 0;
}

static void
run_end(struct run *run)
{
	pool_free(run->pool);
	links_free(run->links);
	ways_free(run->ways);
	cleanup_close(&run->rootfd);
	pthread_cond_destroy(&run->freed);
	pthread_mutex_destroy(&run->tell);
	pthread_mutex_destroy(&run->lock);
}

/* The name of an item that is restored alone. */
static void
item_name(const struct restore_opts *opts, struct item *item, struct span name)
{
	if (name.n == 0 && item->place.path < view_paths(opts->snap)) {
		/* The root itself is no directory: its path has the name. */
		name = view_path(opts->snap, item->place.path);
		for (size_t i = name.n; i > 0; i--) {
			if (name.p[i - 1] == '/') {
				name = span_of(name.p + i, name.n - i);
				break;
			}
		}
	}
	item->name_len = name.n <= LIMIT_NAME ? name.n : 0;
	memcpy(item->name, name.p, item->name_len);
	item->name[item->name_len] = '\0';
}

/* An item that is restored alone and is there already: said at once. */
static int
check_name(const struct restore_opts *opts, const struct item *item, int fd,
	struct fault *f)
{
	struct stat st;

	if (place_is_dir(&item->place) || opts->overwrite ||
		fstatat(fd, item->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	return fault_set(f, FAULT_TARGET_EXISTS, item->name,
		"%s has this name already", opts->target);
}

static int
sync_target(const struct run *run, struct fault *f)
{
	_cleanup_close_ int fd =
		io_openat(run->rootfd, ".", O_RDONLY | O_DIRECTORY, 0);
	int err;

	err = fd < 0 ? fd : hook_check(HOOK_FSYNC);
	if (err == 0 && syncfs(fd) != 0)
		err = -errno;
	if (err < 0)
		return fault_errno(f, run_target_code(err), err,
			run->opts->target,
			"what was written may not be on the disk");
	return 0;
}

static int
fill_target(struct run *run, struct item *item, int fd, struct fault *f)
{
	run->rootfd = io_openat(fd, ".", O_PATH | O_DIRECTORY, 0);
	if (run->rootfd < 0) {
		close(fd);
		return fault_errno(f, FAULT_TARGET_BAD, run->rootfd,
			run->opts->target, "it cannot be opened");
	}
	if (place_is_dir(&item->place))
		walk_tree(run, &item->place, fd);
	else
		walk_item(run, item, fd);
	pool_drain(run->pool);
	return sync_target(run, f);
}

/* Did everything come back as it was? */
static int
judge(const struct run *run, struct fault *f)
{
	const struct restore_report *r = &run->report;
	const char *target = run->opts->target;
	uint64_t lost = 0;

	if (run->fatal.code != FAULT_NONE) {
		if (f && f->code == FAULT_NONE)
			*f = run->fatal;
		return run->fatal.err != 0 ? run->fatal.err : -EIO;
	}
	if (run->opts->stop && atomic_load(run->opts->stop))
		return fault_set(f, FAULT_INTERRUPTED, target,
			"the restore was stopped before its end");
	if (r->failed > 0 || r->unread > 0)
		return fault_set(f, FAULT_RESTORE_INCOMPLETE, target,
			"%llu inodes were left out, %llu the source could "
			"not read, of which %llu are there in part",
			(unsigned long long)r->failed,
			(unsigned long long)r->unread,
			(unsigned long long)r->cut);
	for (size_t i = 0; run->root && i < RESTORE_KINDS; i++)
		lost += r->lost[i];
	lost += r->attrs_damaged + r->attrs_unread;
	if (lost > 0)
		return fault_set(f, FAULT_RESTORE_INCOMPLETE, target,
			"%llu inodes lack metadata", (unsigned long long)lost);
	return 0;
}

int
restore_run(const struct restore_opts *opts, struct restore_report *report,
	struct fault *f)
{
	_cleanup_free_ struct item *item = mem_zalloc(sizeof(*item));
	_cleanup_free_ struct run *run = mem_zalloc(sizeof(*run));
	struct span name;
	int err, fd;

	memset(report, 0, sizeof(*report));
	if (!item || !run)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	err = place_resolve(opts->snap, opts->path, &item->place, &name, f);
	if (err < 0)
		return err;
	item_name(opts, item, name);
	fd = open_target(opts, &item->place, f);
	if (fd < 0)
		return fd;
	err = check_name(opts, item, fd, f);
	if (err < 0) {
		close(fd);
		return err;
	}
	err = run_begin(run, opts, &item->place, f);
	if (err == 0)
		err = fill_target(run, item, fd, f);
	else
		close(fd);
	if (err == 0)
		err = judge(run, f);
	*report = run->report;
	run_end(run);
	return err;
}
