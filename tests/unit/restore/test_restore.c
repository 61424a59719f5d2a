/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is restored is whole or not there, links of one inode come back
 * as one, depth does not matter, and nothing is made outside the target.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "restore/inside.h"
#include "restore/list.h"
#include "restore/restore.h"
#include "tests/unit/view/made.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/le.h"

#define DEEP 2500U
#define BIG (40U << 20)
#define PIECE 200000U

struct told {
	unsigned int n;
	char last[256];
	struct fault f;
};

static void
on_problem(void *ctx, struct span path, const struct fault *f)
{
	struct told *t = ctx;
	size_t n = path.n < sizeof(t->last) ? path.n : sizeof(t->last) - 1;

	t->n++;
	snprintf(t->last, sizeof(t->last), "%.*s", (int)n,
		n > 0 ? (const char *)path.p : "");
	t->f = *f;
}

/* Restore path to scratch/target. */
static int
restore(struct view_snap *snap, const char *path, const char *target,
	bool overwrite, struct restore_report *report, struct told *told,
	struct fault *f)
{
	char dir[LIB_PATH];
	struct restore_opts o = {
		.snap = snap,
		.path = span_str(path),
		.target = dir,
		.overwrite = overwrite,
		.problem = on_problem,
		.ctx = told,
	};

	memset(told, 0, sizeof(*told));
	memset(f, 0, sizeof(*f));
	lib_path(dir, check_scratch(), target);
	return restore_run(&o, report, f);
}

static bool
has_text(const char *name, const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	char path[LIB_PATH];

	lib_path(path, check_scratch(), name);
	if (io_read_file(AT_FDCWD, path, 1 << 20, &b) != 0)
		return false;
	return span_eq(buf_span(&b), span_str(want));
}

static bool
get_stat(const char *name, struct stat *st)
{
	char path[LIB_PATH];

	lib_path(path, check_scratch(), name);
	return lstat(path, st) == 0;
}

static void
shell(const char *command)
{
	char text[2 * LIB_PATH];

	snprintf(text, sizeof(text), "cd %s && %s", check_scratch(), command);
	CHECK_EQ(system(text), 0);
}

static void
finish(struct made *m, struct made_entry *root, struct session *s,
	struct view_snap **snap)
{
	static const char *const paths[] = {"/srv"};

	made_commit(m, paths, root, 1);
	made_open(made_store(m), s, snap);
	made_free(m);
}

static struct made_entry
linked(struct made_entry e, uint8_t group, uint32_t links)
{
	e.e.flags |= DIRENT_LINK_GROUP;
	memset(e.e.link_group, group, sizeof(e.e.link_group));
	e.e.links = links;
	return e;
}

static struct made_entry
symlink_to(struct made *m, const char *name, const char *target)
{
	struct made_entry e = made_entry(name, FILE_SYMLINK);

	e.e.content = OBJECT_LINK;
	e.e.mode = 0777;
	e.e.size = strlen(target);
	e.content =
		made_object(m, OBJECT_LINK, target, strlen(target), NULL, 0);
	return e;
}

static struct made_entry
cut(struct made_entry e)
{
	e.e.flags |= DIRENT_UNREAD;
	return e;
}

/* ---- links, kinds, times ---- */

static void
kinds_and_links(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), sub[2];
	static struct made_entry v[12];
	struct restore_report r;
	struct view_snap *snap;
	struct stat a, b;
	struct fault f;
	struct told t;

	sub[0] = linked(made_file(m, "c", "linked", 6), 1, 3);
	sub[1] = made_file(m, "plain", "plain", 5);
	v[0] = made_entry("dir", FILE_DIRECTORY);
	v[0].e.mode = 0500;
	v[0].e.mtime = (struct when){-5, 250000000};
	made_directory(m, &v[0], sub, 2, 8, 2);
	v[1] = linked(made_file(m, "a", "linked", 6), 1, 3);
	v[2] = linked(made_file(m, "b", "linked", 6), 1, 3);
	v[3] = linked(symlink_to(m, "s1", "a"), 2, 2);
	v[4] = linked(symlink_to(m, "s2", "a"), 2, 2);
	v[5] = linked(made_entry("p1", FILE_FIFO), 3, 2);
	v[6] = linked(made_entry("p2", FILE_FIFO), 3, 2);
	v[7] = made_entry("sock", FILE_SOCKET);
	v[8] = made_file(m, "suid", "x", 1);
	v[8].e.mode = 04711;
	v[8].e.mtime = (struct when){INT64_C(8000000000), 7};
	v[9] = made_entry("empty", FILE_REGULAR);
	v[10] = made_entry("hole", FILE_REGULAR);
	v[10].e.size = 1 << 20;
	v[11] = made_entry("lost", FILE_REGULAR);
	v[11].e.size = 10;
	v[11].e.flags = DIRENT_UNREAD;
	made_directory(m, &root, v, 12, 4, 2);
	finish(m, &root, &s, &snap);

	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), -ENODATA);
	CHECK_EQ(f.code, FAULT_RESTORE_INCOMPLETE);
	CHECK_EQ(r.failed, 0);
	CHECK_EQ(r.unread, 1);
	CHECK_EQ(t.n, 1);
	CHECK_STR(t.last, "lost");
	CHECK_EQ(r.hard_links, 4);
	CHECK_EQ(r.directories, 2);
	CHECK(has_text("out/dir/c", "linked") && has_text("out/a", "linked"));
	CHECK(get_stat("out/dir/c", &a) && get_stat("out/b", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 3);
	CHECK(get_stat("out/s1", &a) && get_stat("out/s2", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK(S_ISLNK(a.st_mode));
	CHECK(get_stat("out/p1", &a) && get_stat("out/p2", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK(S_ISFIFO(a.st_mode));
	CHECK(get_stat("out/sock", &a) && S_ISSOCK(a.st_mode));
	CHECK(get_stat("out/suid", &a));
	CHECK_EQ(a.st_mode & 07777, 04711);
	CHECK_EQ(a.st_mtim.tv_sec, 8000000000);
	CHECK_EQ(a.st_mtim.tv_nsec, 7);
	CHECK(get_stat("out/dir", &a));
	CHECK_EQ(a.st_mode & 07777, 0500);
	CHECK_EQ(a.st_mtim.tv_sec, -5);
	CHECK_EQ(a.st_mtim.tv_nsec, 250000000);
	CHECK(get_stat("out/hole", &a));
	CHECK_EQ(a.st_size, 1 << 20);
	CHECK_EQ(a.st_blocks, 0);
	CHECK(!get_stat("out/lost", &a));
	CHECK(get_stat("out", &a));
	CHECK_EQ(a.st_mtim.tv_sec, 1600000000);

	/* A directory's contents, and a single file. */
	CHECK_EQ(restore(snap, "/dir", "out2", false, &r, &t, &f), 0);
	CHECK(has_text("out2/plain", "plain"));
	CHECK_EQ(restore(snap, "dir/plain", "out3", false, &r, &t, &f), 0);
	CHECK(has_text("out3/plain", "plain"));
	CHECK_EQ(
		restore(snap, "dir/plain", "out3", false, &r, &t, &f), -EEXIST);
	CHECK_EQ(restore(snap, "dir/none", "out4", false, &r, &t, &f), -ENOENT);
	CHECK_EQ(f.code, FAULT_PATH_UNKNOWN);
	CHECK(!get_stat("out4", &a));
	view_snap_close(snap);
}

/* ---- overwriting ---- */

static void
stays_inside(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[3], sub[1];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	sub[0] = made_file(m, "inner", "new", 3);
	v[0] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[0], sub, 1, 8, 2);
	v[1] = made_file(m, "file", "new", 3);
	v[2] = made_file(m, "hard", "new", 3);
	made_directory(m, &root, v, 3, 8, 2);
	finish(m, &root, &s, &snap);

	shell("mkdir outside out && printf old >outside/inner && "
	      "printf old >outside/file && printf old >outside/hard && "
	      "ln -s ../outside out/dir && ln -s ../outside/file out/file && "
	      "ln outside/hard out/hard");
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), -EEXIST);
	CHECK_EQ(f.code, FAULT_TARGET_EXISTS);
	CHECK(get_stat("out/dir", &st) && S_ISLNK(st.st_mode));
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), 0);
	CHECK(get_stat("out/dir", &st) && S_ISDIR(st.st_mode));
	CHECK(has_text("out/dir/inner", "new"));
	CHECK(has_text("out/file", "new"));
	CHECK(has_text("out/hard", "new"));
	CHECK(has_text("outside/inner", "old"));
	CHECK(has_text("outside/file", "old"));
	CHECK(has_text("outside/hard", "old"));
	/* A directory is not removed for a file. */
	shell("rm out/file && mkdir out/file && printf x >out/file/keep");
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), -ENODATA);
	CHECK_EQ(r.failed, 1);
	CHECK_STR(t.last, "file");
	CHECK_EQ(t.f.code, FAULT_TARGET_EXISTS);
	CHECK_STR(t.f.object, "");
	CHECK_STR(t.f.detail, "a directory is in the way");
	CHECK(has_text("out/file/keep", "x"));
	view_snap_close(snap);
}

/* What a failed restore may leave under names of its own: nothing. */
static void
no_temps(const char *where)
{
	char text[LIB_PATH];

	snprintf(text, sizeof(text),
		"test -z \"$(find %s -name '.muniment-restore-*')\"", where);
	shell(text);
}

/* Each kind over each kind, and names as long as there may be. */
static void
takes_the_place(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[8], sub[1];
	char name[LIMIT_NAME + 1], path[LIB_PATH];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st, other;
	struct fault f;
	struct told t;

	memset(name, 'n', LIMIT_NAME);
	name[LIMIT_NAME] = '\0';
	sub[0] = made_file(m, "inner", "inner", 5);
	v[0] = linked(made_file(m, "a", "linked", 6), 1, 2);
	v[1] = linked(made_file(m, "b", "linked", 6), 1, 2);
	v[2] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[2], sub, 1, 8, 2);
	v[3] = made_entry("fifo", FILE_FIFO);
	v[4] = made_file(m, "file", "new", 3);
	v[4].e.mode = 0640;
	v[5] = symlink_to(m, "link", "a");
	v[6] = made_file(m, name, "long", 4);
	v[7] = made_entry("sock", FILE_SOCKET);
	made_directory(m, &root, v, 8, 8, 2);
	finish(m, &root, &s, &snap);

	shell("mkdir out && cd out && printf old >a && ln a b && ln a dir && "
	      "ln a fifo && ln -s dir file && ln a link && mkfifo sock && "
	      "ln a ../kept && ln a $(printf %255s | tr ' ' n)");
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), 0);
	CHECK_EQ(t.n, 0);
	CHECK_EQ(r.files, 4);
	CHECK_EQ(r.hard_links, 1);
	CHECK(has_text("out/a", "linked") && has_text("out/file", "new"));
	CHECK(get_stat("out/a", &st) && get_stat("out/b", &other));
	CHECK_EQ(st.st_ino, other.st_ino);
	CHECK_EQ(st.st_nlink, 2);
	CHECK(has_text("out/dir/inner", "inner"));
	CHECK(get_stat("out/fifo", &st) && S_ISFIFO(st.st_mode));
	CHECK(get_stat("out/file", &st) && S_ISREG(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_mtim.tv_sec, 1600000000);
	CHECK(get_stat("out/link", &st) && S_ISLNK(st.st_mode));
	CHECK(get_stat("out/sock", &st) && S_ISSOCK(st.st_mode));
	snprintf(path, sizeof(path), "out/%s", name);
	CHECK(has_text(path, "long"));
	CHECK(has_text("kept", "old"));
	CHECK(get_stat("kept", &st));
	CHECK_EQ(st.st_nlink, 1);
	no_temps("out");
	view_snap_close(snap);
}

/* ---- depth ---- */

static void
deep_tree(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root, e, v[2];
	struct rlimit limit = {400, 400};
	struct restore_report r;
	struct view_snap *snap;
	char name[256];
	struct fault f;
	struct told t;

	memset(name, 'n', 100);
	name[100] = '\0';
	e = made_entry(name, FILE_DIRECTORY);
	made_directory(m, &e, NULL, 0, 8, 2);
	for (unsigned int i = 0; i < DEEP; i++) {
		struct made_entry up = made_entry(name, FILE_DIRECTORY);

		v[0] = e;
		v[1] = made_file(m, "z", &i, sizeof(i));
		up.e.mtime.s = i;
		made_directory(m, &up, v, 2, 8, 2);
		e = up;
	}
	root = e;
	finish(m, &root, &s, &snap);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), 0);
	CHECK_EQ(r.directories, DEEP + 1);
	CHECK_EQ(r.files, DEEP);
	CHECK_EQ(r.failed, 0);
	view_snap_close(snap);
	shell("test $(find out -type f | wc -l) = 2500 && "
	      "test $(find out -type d -newermt @2600 | wc -l) = 1 && "
	      "rm -r out");
}

/* ---- large files and damage ---- */

static struct made_entry
make_big(struct made *m, const char *name)
{
	struct made_entry e = made_entry(name, FILE_REGULAR);
	static struct made_piece v[BIG / PIECE + 1];
	static uint8_t bytes[PIECE];
	uint64_t end = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < BIG / PIECE; i++) {
		end += PIECE;
		v[n].piece.end = end;
		v[n].piece.kind = CONTENT_HOLE;
		if (i % 4 != 0) {
			uint32_t x = i;

			for (size_t k = 0; k < PIECE; k++) {
				x = x * 1664525 + 1013904223;
				bytes[k] = (uint8_t)(x >> 24);
			}
			v[n].piece.kind = CONTENT_DATA;
			v[n].ref = made_object(
				m, OBJECT_CHUNK, bytes, PIECE, NULL, 0);
		}
		n++;
	}
	e.e.size = end;
	e.e.content = OBJECT_CONTENT;
	e.content = made_node(m, 0, v, n);
	return e;
}

static bool
big_is_whole(const char *name)
{
	char path[LIB_PATH];
	static uint8_t bytes[PIECE];
	int fd, bad = 0;

	lib_path(path, check_scratch(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (uint32_t i = 0; i < BIG / PIECE && bad == 0; i++) {
		uint32_t x = i;

		bad |= io_pread_full(fd, bytes, PIECE, (uint64_t)i * PIECE);
		for (size_t k = 0; k < PIECE; k++) {
			x = x * 1664525 + 1013904223;
			bad |= bytes[k] !=
			       (i % 4 != 0 ? (uint8_t)(x >> 24) : 0);
		}
	}
	close(fd);
	return bad == 0;
}

static void
damage_is_left_out(void)
{
	_cleanup_session_ struct session s = SESSION_NONE, again = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[4];
	char store[LIB_PATH];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	v[0] = make_big(m, "big");
	v[1] = linked(v[0], 9, 2);
	strcpy(v[1].name, "link1");
	v[2] = linked(v[0], 9, 2);
	strcpy(v[2].name, "link2");
	v[3] = made_file(m, "well", "well", 4);
	made_directory(m, &root, v, 4, 8, 2);
	snprintf(store, sizeof(store), "%s", made_store(m));
	finish(m, &root, &s, &snap);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), 0);
	CHECK(big_is_whole("out/big") && big_is_whole("out/link2"));
	CHECK(get_stat("out/big", &st));
	CHECK(st.st_blocks < BIG / 512 * 4 / 5);
	CHECK(get_stat("out/link1", &st));
	CHECK_EQ(st.st_nlink, 2);
	view_snap_close(snap);

	lib_unprotect(store);
	shell("f=$(find store/packs -type f -size +8000k | head -1) && "
	      "chmod u+w $f && printf XXXXXXXX | "
	      "dd of=$f bs=1 seek=5000000 conv=notrunc 2>/dev/null");
	made_open(store, &again, &snap);
	CHECK_EQ(restore(snap, "", "out2", false, &r, &t, &f), -ENODATA);
	CHECK_EQ(f.code, FAULT_RESTORE_INCOMPLETE);
	CHECK_EQ(r.failed, 3);
	CHECK_EQ(t.n, 3);
	CHECK_EQ(t.f.code, FAULT_PACK_DAMAGED);
	CHECK(!get_stat("out2/big", &st));
	CHECK(!get_stat("out2/link1", &st) && !get_stat("out2/link2", &st));
	CHECK(has_text("out2/well", "well"));
	view_snap_close(snap);
}

/* ---- many small things ---- */

static int
count_entry(void *ctx, const struct list_entry *e)
{
	unsigned int *n = ctx;

	CHECK(e->name.n > 0);
	(*n)++;
	return 0;
}

static void
many_links(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY);
	struct made_entry *v = calloc(6000, sizeof(*v));
	struct restore_report r;
	struct view_snap *snap;
	unsigned int n = 0;
	char name[32];
	struct fault f;
	struct told t;

	/* 2,000 groups of three names that lie far apart. */
	for (uint32_t i = 0; i < 6000; i++) {
		uint32_t group = i % 2000;

		snprintf(name, sizeof(name), "%u", i);
		v[i] = made_file(m, name, &group, sizeof(group));
		v[i] = linked(v[i], 0, 3);
		memcpy(v[i].e.link_group, &group, sizeof(group));
	}
	made_directory(m, &root, v, 6000, 50, 20);
	free(v);
	finish(m, &root, &s, &snap);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), 0);
	CHECK_EQ(r.files, 2000);
	CHECK_EQ(r.hard_links, 4000);
	shell("test $(find out -type f -links 3 | wc -l) = 6000");
	CHECK_EQ(list_path(snap, span_str("/"), count_entry, &n, &f), 0);
	CHECK_EQ(n, 6000);
	view_snap_close(snap);
}

/* ---- what the source could not read to its end ---- */

static void
cut_is_told(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[6], sub[1];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	sub[0] = made_file(m, "inner", "inner", 5);
	v[0] = made_entry("half", FILE_DIRECTORY);
	made_directory(m, &v[0], sub, 1, 8, 2);
	v[0] = cut(v[0]);
	v[1] = cut(made_file(m, "part", "what was read", 13));
	v[2] = cut(linked(made_file(m, "twice1", "linked", 6), 1, 2));
	v[3] = cut(linked(made_file(m, "twice2", "linked", 6), 1, 2));
	v[4] = cut(make_big(m, "vast"));
	v[5] = made_file(m, "whole", "whole", 5);
	made_directory(m, &root, v, 6, 8, 2);
	finish(m, &root, &s, &snap);

	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), -ENODATA);
	CHECK_EQ(f.code, FAULT_RESTORE_INCOMPLETE);
	CHECK(strstr(f.detail, "5 are there in part"));
	CHECK_EQ(r.failed, 0);
	CHECK_EQ(r.unread, 5);
	CHECK_EQ(r.cut, 5);
	CHECK_EQ(t.n, 5);
	CHECK_EQ(t.f.code, FAULT_SOURCE_UNREADABLE);
	CHECK(has_text("out/part", "what was read"));
	CHECK(has_text("out/half/inner", "inner"));
	CHECK(get_stat("out/twice2", &st));
	CHECK_EQ(st.st_nlink, 2);
	CHECK(big_is_whole("out/vast"));

	CHECK_EQ(restore(snap, "part", "out2", false, &r, &t, &f), -ENODATA);
	CHECK_EQ(t.n, 1);
	CHECK_STR(t.last, "part");
	CHECK(strstr(t.f.detail, "could not read it to its end"));
	CHECK_EQ(restore(snap, "half", "out3", false, &r, &t, &f), -ENODATA);
	CHECK_EQ(t.n, 1);
	CHECK_STR(t.last, "");
	CHECK_EQ(restore(snap, "whole", "out4", false, &r, &t, &f), 0);
	CHECK_EQ(t.n, 0);
	view_snap_close(snap);
}

/* ---- what stays ---- */

static void
are_old(const char *const *names, size_t n)
{
	char path[LIB_PATH];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "out/%s", names[i]);
		if (!CHECK(has_text(path, "old")))
			printf("%s\n", path);
	}
}

/* Restore over all of it while an operation fails. */
static int
restore_failing(struct view_snap *snap, enum hook_op op, int err,
	unsigned long at, struct restore_report *r, struct told *t,
	struct fault *f)
{
	struct hook_plan plan = {.op = op,
		.act = HOOK_FAIL,
		.err = err,
		.sticky = true,
		.at = at};
	int result;

	hook_set(hook_plan_run, &plan);
	result = restore(snap, "", "out", true, r, t, f);
	hook_set(NULL, NULL);
	CHECK(atomic_load(&plan.seen) >= at);
	no_temps("out");
	return result;
}

/* Whatever fails: what is in the way stays, and is said to. */
static void
keeps_what_is_there(void)
{
	static const char *const names[] = {
		"a", "b", "big", "file", "part", "dir", "fifo", "link"};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[8], sub[1];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	sub[0] = made_file(m, "inner", "inner", 5);
	v[0] = linked(make_big(m, "a"), 1, 2);
	v[1] = v[0];
	strcpy(v[1].name, "b");
	v[2] = make_big(m, "big");
	v[3] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[3], sub, 1, 8, 2);
	v[4] = made_entry("fifo", FILE_FIFO);
	v[5] = made_file(m, "file", "new", 3);
	v[6] = symlink_to(m, "link", "a");
	v[7] = cut(made_file(m, "part", "par", 3));
	made_directory(m, &root, v, 8, 8, 2);
	finish(m, &root, &s, &snap);
	shell("mkdir out && cd out && "
	      "for i in a b big dir fifo file link part; do "
	      "printf old >$i; done");

	/* As of a file that may not be changed. */
	CHECK_EQ(restore_failing(snap, HOOK_RENAME, -EPERM, 1, &r, &t, &f),
		-ENODATA);
	are_old(names, 8);
	CHECK_EQ(r.failed, 7);
	CHECK_EQ(r.unread, 1);
	CHECK_EQ(r.cut, 0);
	CHECK_EQ(r.files + r.hard_links + r.specials + r.symlinks, 0);
	CHECK_EQ(t.n, 8);
	CHECK(!strstr(t.f.detail, "directory is in the way"));
	CHECK_STR(t.f.object, "");
	/* The disk is full. */
	CHECK_EQ(restore_failing(snap, HOOK_PWRITE, -ENOSPC, 1, &r, &t, &f),
		-ENOSPC);
	CHECK(strstr(f.detail, "what was there stays as it was"));
	are_old(names, 5);
	CHECK_EQ(restore_failing(snap, HOOK_TRUNCATE, -EIO, 1, &r, &t, &f),
		-ENODATA);
	are_old(names, 3);
	CHECK(get_stat("out/dir", &st) && S_ISDIR(st.st_mode));
	/* And when no name of its own can be made. */
	shell("rm -r out/dir && printf old >out/dir");
	CHECK_EQ(restore_failing(snap, HOOK_MKDIR, -EIO, 2, &r, &t, &f),
		-ENODATA);
	CHECK(has_text("out/dir", "old"));
	CHECK(has_text("out/part", "old"));
	CHECK_EQ(restore(snap, "part", "out", true, &r, &t, &f), -ENODATA);
	CHECK_STR(t.last, "part");
	CHECK(strstr(t.f.detail, "not read it to its end; what was there "
				 "stays"));
	CHECK(has_text("out/part", "old"));
	view_snap_close(snap);
}

/* The first directory of the target that is there cannot be opened. */
static int
no_descriptor(void *ctx, enum hook_op op, size_t *len)
{
	unsigned int *mkdirs = ctx;

	(void)len;
	if (op == HOOK_MKDIR)
		(*mkdirs)++;
	if (op != HOOK_OPEN || *mkdirs != 2)
		return 0;
	*mkdirs = 3;
	return -EMFILE;
}

/* A directory that cannot be opened is not taken for something else. */
static void
keeps_a_directory(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[1], sub[1];
	unsigned int mkdirs = 0;
	struct restore_report r;
	struct view_snap *snap;
	struct fault f;
	struct told t;

	sub[0] = made_file(m, "inner", "inner", 5);
	v[0] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[0], sub, 1, 8, 2);
	made_directory(m, &root, v, 1, 8, 2);
	finish(m, &root, &s, &snap);
	shell("mkdir -p out/dir && printf old >out/dir/keep");
	hook_set(no_descriptor, &mkdirs);
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), -ENODATA);
	hook_set(NULL, NULL);
	CHECK_EQ(mkdirs, 3);
	CHECK_STR(t.last, "dir");
	CHECK_EQ(t.f.err, -EMFILE);
	CHECK(has_text("out/dir/keep", "old"));
	no_temps("out");
	view_snap_close(snap);
}

/* Of a group in parts no name in the way goes either, made or linked. */
static void
keeps_beside_a_part(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[2];
	struct restore_report r;
	struct view_snap *snap;
	struct fault f;
	struct told t;

	v[0] = cut(linked(made_file(m, "a", "part", 4), 1, 2));
	v[1] = cut(linked(made_file(m, "b", "part", 4), 1, 2));
	made_directory(m, &root, v, 2, 8, 2);
	finish(m, &root, &s, &snap);
	shell("mkdir out && printf old >out/b");
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), -ENODATA);
	CHECK(has_text("out/a", "part"));
	CHECK(has_text("out/b", "old"));
	CHECK_EQ(r.unread, 2);
	CHECK_EQ(r.cut, 1);
	view_snap_close(snap);
}

/* As where case does not count: the name in the way is of the same inode. */
static int
make_them_one(void *ctx, enum hook_op op, size_t *len)
{
	atomic_uint *renames = ctx;

	(void)len;
	if (op == HOOK_RENAME && atomic_fetch_add(renames, 1) == 1)
		shell("rm out/b && ln out/a out/b");
	return 0;
}

static void
two_names_of_one(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[2];
	struct restore_report r;
	atomic_uint renames = 0;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	v[0] = linked(made_file(m, "a", "linked", 6), 1, 2);
	v[1] = linked(made_file(m, "b", "linked", 6), 1, 2);
	made_directory(m, &root, v, 2, 8, 2);
	finish(m, &root, &s, &snap);
	shell("mkdir out && printf old >out/a && printf old >out/b");
	hook_set(make_them_one, &renames);
	CHECK_EQ(restore(snap, "", "out", true, &r, &t, &f), 0);
	hook_set(NULL, NULL);
	CHECK_EQ(atomic_load(&renames), 2);
	CHECK(get_stat("out/b", &st));
	CHECK_EQ(st.st_nlink, 2);
	no_temps("out");
	view_snap_close(snap);
}

/* ---- names that are not of one inode any more ---- */

/* Of one number, but the files differ: none comes back as another. */
static void
one_number_for_two(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[9];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;
	char name[8];

	for (unsigned int i = 0; i < array_len(v); i++) {
		snprintf(name, sizeof(name), "%u", i);
		v[i] = linked(made_file(m, name, "deed", 4), 7, 2);
	}
	v[2].e.mode = 0640;
	v[3].e.user = 12;
	v[4].e.group = 12;
	v[5].e.mtime.s++;
	v[6].e.mtime.ns++;
	/* Holes of other lengths, without content both. */
	for (unsigned int i = 7; i < 9; i++) {
		v[i].e.content = 0;
		v[i].e.size = i;
	}
	made_directory(m, &root, v, array_len(v), 8, 2);
	finish(m, &root, &s, &snap);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), 0);
	CHECK_EQ(r.files, 8);
	CHECK_EQ(r.hard_links, 1);
	CHECK(get_stat("out/0", &st) && st.st_nlink == 2);
	CHECK(get_stat("out/2", &st) && (st.st_mode & 07777) == 0640);
	CHECK(get_stat("out/5", &st) && st.st_mtime == v[5].e.mtime.s);
	CHECK(get_stat("out/7", &st) && st.st_size == 7);
	CHECK(get_stat("out/8", &st) && st.st_size == 8);
	view_snap_close(snap);
}

/* What happens to the first name, before the n-th link. */
struct first_name {
	atomic_uint links;
	unsigned int n;
	int err; /* what the link fails with */
	const char *script;
	unsigned int mode; /* of the target at that time */
};

static int
at_link(void *ctx, enum hook_op op, size_t *len)
{
	struct first_name *first = ctx;
	struct stat st;

	(void)len;
	if (op != HOOK_LINK || atomic_fetch_add(&first->links, 1) != first->n)
		return 0;
	if (get_stat("out", &st))
		first->mode = st.st_mode & 07777;
	if (first->script)
		shell(first->script);
	return first->err;
}

static void
restore_links(struct first_name *first, struct restore_report *r)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[5];
	struct view_snap *snap;
	struct fault f;
	struct told t;
	char name[8];
	int err;

	for (unsigned int i = 0; i < array_len(v); i++) {
		snprintf(name, sizeof(name), "%u", i);
		v[i] = linked(made_file(m, name, "deed", 4), 7, 5);
	}
	root.e.mode = 0750;
	made_directory(m, &root, v, array_len(v), 8, 2);
	finish(m, &root, &s, &snap);
	shell("mkdir -m 755 out");
	hook_set(at_link, first);
	err = restore(snap, "", "out", false, r, &t, &f);
	hook_set(NULL, NULL);
	/* What is lost of links counts where it need not be lost. */
	CHECK_EQ(err, geteuid() == 0 ? -ENODATA : 0);
	CHECK_EQ(r->lost[RESTORE_LINK], 1);
	for (unsigned int i = 1; i < array_len(v); i++) {
		snprintf(name, sizeof(name), "out/%u", i);
		CHECK(has_text(name, "deed"));
	}
	view_snap_close(snap);
}

/* A user whose directory is restored already puts another file there. */
static void
exchanged_first(void)
{
	struct first_name first = {
		.n = 1, .script = "mv out/0 out/was && printf evil >out/0"};
	struct restore_report r;
	struct stat st;

	restore_links(&first, &r);
	CHECK_EQ(r.files, 2);
	CHECK_EQ(r.hard_links, 3);
	CHECK(get_stat("out/was", &st) && st.st_nlink == 2);
	CHECK(get_stat("out/2", &st) && st.st_nlink == 3);
	CHECK(get_stat("out/4", &st) && st.st_nlink == 3);
	/* Nobody looked in before it had the mode of the snapshot. */
	CHECK_EQ(first.mode, 0700);
	CHECK(get_stat("out", &st) && (st.st_mode & 07777) == 0750);
}

/* As many names as an inode of the target takes: the next ones share one. */
static void
full_first(void)
{
	struct first_name first = {.n = 1, .err = -EMLINK};
	struct restore_report r;
	struct stat st;

	restore_links(&first, &r);
	CHECK_EQ(r.files, 2);
	CHECK_EQ(r.hard_links, 3);
	CHECK_EQ(r.why[RESTORE_LINK], -EMLINK);
	CHECK(get_stat("out/1", &st) && st.st_nlink == 2);
	CHECK(get_stat("out/4", &st) && st.st_nlink == 3);
}

/* ---- a directory that is moved away ---- */

#define CHAIN 100U

struct move {
	unsigned int mkdirs;
	char from[2 * LIB_PATH], to[LIB_PATH];
};

/* When the walker is at the bottom and the top of its way is closed. */
static int
move_away(void *ctx, enum hook_op op, size_t *len)
{
	struct move *mv = ctx;

	(void)len;
	if (op == HOOK_MKDIR && ++mv->mkdirs == CHAIN)
		CHECK_EQ(rename(mv->from, mv->to), 0);
	return 0;
}

static void
moved_is_noticed(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), e;
	struct restore_report r;
	struct view_snap *snap;
	static struct move mv;
	struct stat st;
	struct fault f;
	struct told t;

	e = made_entry("d", FILE_DIRECTORY);
	made_directory(m, &e, NULL, 0, 8, 2);
	for (unsigned int i = 1; i < CHAIN; i++) {
		struct made_entry up = made_entry("d", FILE_DIRECTORY);

		made_directory(m, &up, &e, 1, 8, 2);
		e = up;
	}
	made_directory(m, &root, &e, 1, 8, 2);
	finish(m, &root, &s, &snap);
	/* "..", of out/d/d once it is moved, is no place of this run. */
	shell("mkdir -m 700 outside");
	snprintf(mv.from, sizeof(mv.from), "%s/out/d/d", check_scratch());
	lib_path(mv.to, check_scratch(), "outside/d");
	hook_set(move_away, &mv);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), -ENOTDIR);
	hook_set(NULL, NULL);
	CHECK_EQ(f.code, FAULT_TARGET_BAD);
	CHECK(strstr(f.detail, "was moved"));
	CHECK(get_stat("outside", &st));
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK(st.st_mtim.tv_sec != 1600000000);
	view_snap_close(snap);
}

/* ---- what must not come back wider than it was ---- */

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define ACL_MAX 5U
#define ACL_SIZE(n) (4U + (n)*8U)

struct acl_row {
	uint16_t tag, rights;
	uint32_t number;
};

static size_t
make_acl(uint8_t *dst, const struct acl_row *row, size_t n)
{
	le32_put(dst, 2);
	for (size_t i = 0; i < n; i++) {
		le16_put(dst + 4 + 8 * i, row[i].tag);
		le16_put(dst + 6 + 8 * i, row[i].rights);
		le32_put(dst + 8 + 8 * i, row[i].number);
	}
	return ACL_SIZE(n);
}

/* Owner all, user 1234 all, group nothing, mask all, others nothing. */
static size_t
acl_for_1234(uint8_t *dst)
{
	static const struct acl_row row[] = {{0x01, 7, UINT32_MAX},
		{0x02, 7, 1234}, {0x04, 0, UINT32_MAX}, {0x10, 7, UINT32_MAX},
		{0x20, 0, UINT32_MAX}};

	return make_acl(dst, row, 5);
}

static struct made_entry
with_attr(struct made *m, struct made_entry e, const char *name,
	const uint8_t *value, size_t n)
{
	size_t len = strlen(name);
	uint8_t set[256];

	le32_put(set, 1);
	le16_put(set + 4, (uint16_t)len);
	le32_put(set + 6, (uint32_t)n);
	memcpy(set + 10, name, len);
	memcpy(set + 10 + len, value, n);
	e.e.flags |= DIRENT_ATTRS;
	e.attrs = made_object(m, OBJECT_ATTRS, set, 10 + len + n, NULL, 0);
	return e;
}

/* Nobody but root may give files away, and root without this may not. */
static void
may_chown(bool may)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (geteuid() != 0)
		return;
	CHECK_EQ(syscall(SYS_capget, &head, data), 0);
	data[0].effective &= ~(1U << CAP_CHOWN);
	if (may)
		data[0].effective |= 1U << CAP_CHOWN;
	CHECK_EQ(syscall(SYS_capset, &head, data), 0);
}

static void
set_id_goes_with_its_owner(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[3];
	bool root_user = geteuid() == 0;
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	root.e.user = geteuid();
	root.e.group = getegid();
	v[0] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[0], NULL, 0, 8, 2);
	v[0].e.mode = 02775;
	v[1] = made_file(m, "suid", "x", 1);
	v[1].e.mode = 06755;
	v[2] = made_entry("fifo", FILE_FIFO);
	v[2].e.mode = 04644;
	for (unsigned int i = 0; i < 3; i++) {
		v[i].e.user = 54321;
		v[i].e.group = 54321;
	}
	made_directory(m, &root, v, 3, 8, 2);
	finish(m, &root, &s, &snap);

	may_chown(false);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f),
		root_user ? -ENODATA : 0);
	may_chown(true);
	CHECK_EQ(r.lost[RESTORE_OWNER], 3);
	CHECK_EQ(r.lost[RESTORE_MODE], 3);
	CHECK(get_stat("out/suid", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	CHECK(get_stat("out/fifo", &st));
	CHECK_EQ(st.st_mode & 07777, 0644);
	CHECK(get_stat("out/dir", &st));
	CHECK_EQ(st.st_mode & 07777, 0775);
	view_snap_close(snap);
}

/* An owner of that number would be taken for none to set. */
static void
owner_that_is_none(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[2];
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	root.e.user = geteuid();
	root.e.group = getegid();
	v[0] = made_file(m, "group", "x", 1);
	v[1] = made_file(m, "user", "x", 1);
	v[0].e.group = v[1].e.user = UINT32_MAX;
	v[0].e.mode = v[1].e.mode = 06755;
	made_directory(m, &root, v, 2, 8, 2);
	finish(m, &root, &s, &snap);
	(void)restore(snap, "", "out", false, &r, &t, &f);
	CHECK_EQ(r.lost[RESTORE_OWNER], 2);
	CHECK(get_stat("out/user", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	CHECK(get_stat("out/group", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	view_snap_close(snap);
}

static void
mask_is_no_right(void)
{
	/* No mask beside a user of its own: every kernel refuses this one,
	 * as a file system without ACLs refuses all. */
	static const struct acl_row row[] = {{0x01, 7, UINT32_MAX},
		{0x02, 7, 1234}, {0x04, 4, UINT32_MAX}, {0x20, 0, UINT32_MAX}};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[2];
	uint8_t acl[ACL_SIZE(ACL_MAX)];
	size_t n = make_acl(acl, row, 4);
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	struct fault f;
	struct told t;

	v[0] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[0], NULL, 0, 8, 2);
	v[0].e.mode = 0770;
	v[0] = with_attr(m, v[0], ACL_ACCESS, acl, n);
	v[1] = made_file(m, "file", "x", 1);
	v[1].e.mode = 0670;
	v[1] = with_attr(m, v[1], ACL_ACCESS, acl, n);
	made_directory(m, &root, v, 2, 8, 2);
	finish(m, &root, &s, &snap);

	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f),
		geteuid() == 0 ? -ENODATA : 0);
	CHECK_EQ(r.lost[RESTORE_ACL], 2);
	CHECK(get_stat("out/dir", &st));
	CHECK_EQ(st.st_mode & 07777, 0740);
	CHECK(get_stat("out/file", &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	view_snap_close(snap);
}

static bool
has_acl(const char *name)
{
	char path[LIB_PATH];

	lib_path(path, check_scratch(), name);
	return lgetxattr(path, ACL_ACCESS, NULL, 0) >= 0 ||
	       lgetxattr(path, ACL_DEFAULT, NULL, 0) >= 0;
}

/* Make a directory in which all that is made is open to user 1234. */
static bool
make_generous(const char *name)
{
	uint8_t acl[ACL_SIZE(ACL_MAX)];
	size_t n = acl_for_1234(acl);
	char path[LIB_PATH];

	lib_path(path, check_scratch(), name);
	CHECK_EQ(mkdir(path, 0700), 0);
	if (setxattr(path, ACL_ACCESS, acl, n, 0) == 0 &&
		setxattr(path, ACL_DEFAULT, acl, n, 0) == 0)
		return true;
	printf("no ACLs at %s: not tested\n", path);
	return false;
}

static void
nothing_is_inherited(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[3], sub[1];
	static const char *const targets[] = {"out", "up/out", "again"};
	static const char *const names[] = {
		"", "/dir", "/dir/inner", "/fifo", "/file"};
	struct restore_report r;
	struct view_snap *snap;
	char name[64];
	struct fault f;
	struct told t;

	sub[0] = made_file(m, "inner", "inner", 5);
	v[0] = made_entry("dir", FILE_DIRECTORY);
	made_directory(m, &v[0], sub, 1, 8, 2);
	v[1] = made_entry("fifo", FILE_FIFO);
	v[2] = made_file(m, "file", "file", 4);
	made_directory(m, &root, v, 3, 8, 2);
	finish(m, &root, &s, &snap);

	/* A target that is there, one that is made, directories that are
	 * there below it, and a place for one file. */
	if (!make_generous("out") || !make_generous("up") ||
		!make_generous("again") || !make_generous("again/dir") ||
		!make_generous("one")) {
		view_snap_close(snap);
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		CHECK_EQ(restore(snap, "", targets[i], i == 2, &r, &t, &f), 0);
		for (size_t k = 0; k < 5; k++) {
			snprintf(name, sizeof(name), "%s%s", targets[i],
				names[k]);
			if (!CHECK(!has_acl(name)))
				printf("%s\n", name);
		}
	}
	CHECK_EQ(restore(snap, "file", "one", false, &r, &t, &f), 0);
	CHECK_EQ(restore(snap, "fifo", "one", false, &r, &t, &f), 0);
	CHECK(!has_acl("one/file") && !has_acl("one/fifo"));
	CHECK(has_acl("one"));
	view_snap_close(snap);
}

/* ---- the end of a run, and where none may be ---- */

static void
ends_on_the_disk(void)
{
	struct hook_plan plan = {.op = HOOK_FSYNC,
		.act = HOOK_FAIL,
		.err = -EIO,
		.sticky = true,
		.at = 1};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[1];
	struct restore_report r;
	struct view_snap *snap;
	struct fault f;
	struct told t;

	v[0] = made_file(m, "file", "file", 4);
	made_directory(m, &root, v, 1, 8, 2);
	finish(m, &root, &s, &snap);
	hook_set(hook_plan_run, &plan);
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), -EIO);
	hook_set(NULL, NULL);
	CHECK_EQ(f.code, FAULT_IO);
	CHECK(strstr(f.detail, "may not be on the disk"));
	view_snap_close(snap);
}

/* Whatever allocation fails: what is said to be there is there. */
static void
short_of_memory(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[2];
	struct hook_plan plan;
	struct restore_report r;
	struct view_snap *snap;
	struct stat st;
	char name[32];
	struct fault f;
	struct told t;
	bool met = true;
	int err;

	v[0] = linked(made_file(m, "a", "linked", 6), 1, 2);
	v[1] = linked(made_file(m, "b", "linked", 6), 1, 2);
	made_directory(m, &root, v, 2, 8, 2);
	finish(m, &root, &s, &snap);
	/* From now on the cache has it, and each run allocates the same. */
	CHECK_EQ(restore(snap, "", "out", false, &r, &t, &f), 0);
	for (unsigned long at = 1; met && at < 1000; at++) {
		plan = (struct hook_plan){.op = HOOK_ALLOC,
			.act = HOOK_FAIL,
			.err = -ENOMEM,
			.at = at};
		snprintf(name, sizeof(name), "out%lu", at);
		hook_set(hook_plan_run, &plan);
		err = restore(snap, "", name, false, &r, &t, &f);
		hook_set(NULL, NULL);
		met = atomic_load(&plan.seen) >= at;
		if (err < 0)
			continue;
		CHECK_EQ(r.files, 1);
		CHECK_EQ(r.hard_links, 1);
		snprintf(name, sizeof(name), "out%lu/b", at);
		CHECK(get_stat(name, &st));
		CHECK_EQ(st.st_nlink, 2);
	}
	CHECK(!met);
	view_snap_close(snap);
}

static void
stops_without_a_trace(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[1];
	atomic_bool stop = true;
	struct restore_report r;
	struct view_snap *snap;
	char dir[LIB_PATH];
	struct restore_opts o = {
		.path = span_str("big"), .target = dir, .stop = &stop};
	struct fault f = {0};
	struct stat st;

	v[0] = make_big(m, "big");
	made_directory(m, &root, v, 1, 8, 2);
	finish(m, &root, &s, &snap);
	o.snap = snap;
	lib_path(dir, check_scratch(), "out");
	CHECK_EQ(restore_run(&o, &r, &f), -ECANCELED);
	CHECK_EQ(f.code, FAULT_INTERRUPTED);
	CHECK_EQ(r.files, 0);
	CHECK(!get_stat("out/big", &st));
	shell("printf old >out/big");
	memset(&f, 0, sizeof(f));
	o.overwrite = true;
	CHECK_EQ(restore_run(&o, &r, &f), -ECANCELED);
	CHECK(has_text("out/big", "old"));
	no_temps("out");
	view_snap_close(snap);
}

static bool
refused(const char *target)
{
	char store[LIB_PATH], path[LIB_PATH];
	struct fault f = {0};

	lib_path(store, check_scratch(), "vault");
	lib_path(path, check_scratch(), target);
	return inside_refuse(path, store, &f) < 0 && f.code == FAULT_TARGET_BAD;
}

static void
not_into_the_store(void)
{
	shell("mkdir -p vault/incoming beside vault2 && ln -s vault/incoming "
	      "l");
	CHECK(refused("vault") && refused("vault/") && refused("vault/."));
	CHECK(refused("vault/incoming") && refused("vault/incoming/new"));
	CHECK(refused("vault/incoming/new//") && refused("vault/new"));
	CHECK(refused("l") && refused("l/new") && refused("beside/../vault"));
	CHECK(!refused("") && !refused("vault2") && !refused("vault2/new"));
	CHECK(!refused("beside/new") && !refused("no/such/place"));
}

CHECK_MAIN(TEST(kinds_and_links), TEST(stays_inside), TEST(takes_the_place),
	TEST(keeps_what_is_there), TEST(keeps_a_directory),
	TEST(keeps_beside_a_part), TEST(two_names_of_one),
	TEST(one_number_for_two), TEST(exchanged_first), TEST(full_first),
	TEST(moved_is_noticed), TEST(deep_tree), TEST(damage_is_left_out),
	TEST(many_links), TEST(cut_is_told), TEST(set_id_goes_with_its_owner),
	TEST(owner_that_is_none),
	TEST(mask_is_no_right), TEST(nothing_is_inherited),
	TEST(ends_on_the_disk), TEST(short_of_memory),
	TEST(stops_without_a_trace), TEST(not_into_the_store))
