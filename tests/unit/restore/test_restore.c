/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is restored is whole or not there, links of one inode come back
 * as one, depth does not matter, and nothing is made outside the target.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "restore/list.h"
#include "restore/restore.h"
#include "tests/unit/view/made.h"
#include "util/io.h"

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
	memcpy(t->last, path.p, n);
	t->last[n] = '\0';
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
	CHECK(has_text("out/file/keep", "x"));
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
	      "chmod u+w $f && printf X | "
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

CHECK_MAIN(TEST(kinds_and_links), TEST(stays_inside), TEST(deep_tree),
	TEST(damage_is_left_out), TEST(many_links))
