/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a disk that fills up is refused by name while there is still room for
 * ledger and index. Needs the right to mount, else it is skipped. */
#include "tests/unit/store/lib.h"

#include "store/room.h"
#include "util/io.h"

#include <fcntl.h>
#include <sys/mount.h>

#define MIB (1024UL * 1024UL)

static bool skipped;

static bool
mount_disk(char dir[LIB_PATH], const char *name, const char *options)
{
	lib_path(dir, check_scratch(), name);
	CHECK_EQ(io_mkdirat(AT_FDCWD, dir, 0700), 0);
	if (mount("none", dir, "tmpfs", 0, options) == 0)
		return true;
	printf("skipped: no right to mount\n");
	skipped = true;
	return false;
}

static void
unmount_disk(struct lib_store *s, const char *dir)
{
	lib_done(s);
	CHECK_EQ(umount(dir), 0);
}

static void
test_small(void)
{
	char disk[LIB_PATH], path[LIB_PATH];
	struct writer *w = NULL;
	struct lib_store s;

	if (!mount_disk(disk, "small", "size=20m"))
		return;
	lib_make_in(&s, disk, "store");
	LIB_FAULT(FAULT_STORE_FULL, writer_open(s.dir, NULL, &w, &f));
	/* Nothing was made. */
	lib_path(path, s.dir, "cache/index");
	CHECK(access(path, F_OK) < 0);
	unmount_disk(&s, disk);
}

static void
fill(const char *disk, size_t n)
{
	_cleanup_free_ uint8_t *p = calloc(1, n);

	lib_write(disk, "fill", span_of(p, n));
}

/* It fills up while a pull goes on. */
static void
test_filled(void)
{
	char disk[LIB_PATH];
	struct lib_object o = {.type = OBJECT_CHUNK, .content = "content"};
	struct writer *w = NULL;
	struct lib_store s;
	struct lib_draft d;
	uint64_t pull;

	if (!mount_disk(disk, "filled", "size=60m"))
		return;
	lib_make_in(&s, disk, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	lib_begin(&s, w, PACK_DATA, pull, &d);
	lib_block(&s, &d, &o, 1, NULL);
	fill(disk, 32 * MIB);
	LIB_FAULT(FAULT_STORE_FULL, draft_seal(w, d.d, NULL, &f));
	LIB_FAULT(
		FAULT_STORE_FULL, draft_begin(w, PACK_DATA, 1, pull, &d.d, &f));
	writer_stat_put(w, span_str("key"), span_str("value"));
	writer_stat_flush(w);
	writer_close(w);
	LIB_FAULT(FAULT_STORE_FULL, writer_open(s.dir, NULL, &w, &f));
	/* With room again it goes on. */
	fill(disk, 1);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	writer_close(w);
	unmount_disk(&s, disk);
}

int
main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		TEST(test_small), TEST(test_filled)};
	int r = check_run(tests, array_len(tests), argc, argv);

	return r == 0 && skipped ? 77 : r;
}
