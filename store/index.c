/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index.h"

#include "store/layout.h"
#include "store/rocks.h"
#include "store/room.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_SIZE 8U

static const struct rocks_sizes sizes = {
	.write_buffer = 8U << 20,
	.cache = 32U << 20,
};

struct index {
	struct rocks *db;
	int storefd; /* borrowed */
	struct buf value;
	bool damaged; /* a read failed: of no more use */
	bool stale;   /* a write failed: must not claim to reflect it */
};

static struct span
entry_key(const struct id *id)
{
	return span_of(id->b, sizeof(id->b));
}

static int
open_new(struct index *ix, const char *path, struct fault *f)
{
	char why[160] = "";
	int err;

	rocks_close(ix->db);
	ix->db = NULL;
	err = rocks_destroy(ix->storefd, LAYOUT_INDEX);
	if (err == 0)
		err = rocks_open(path, &sizes, &ix->db, why, sizeof(why));
	if (err == -ENOSPC)
		return fault_set(f, FAULT_STORE_FULL, LAYOUT_INDEX, NULL);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_INDEX, NULL);
	if (err < 0 && why[0] == '\0')
		return fault_errno(f, FAULT_INDEX_DAMAGED, err, LAYOUT_INDEX,
			"it cannot be removed");
	if (err < 0)
		return fault_set(f, FAULT_INDEX_DAMAGED, LAYOUT_INDEX,
			"a new one cannot be made: %s", why);
	return 0;
}

/* Behind a link may be what is not ours, and databases are removed and made
 * below. */
static int
make_cache_folder(int storefd, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err = io_mkdirat(storefd, LAYOUT_CACHE, 0700);

	if (err == -ENOSPC || err == -EDQUOT || err == -ENOMEM)
		return trouble_io(f, err, LAYOUT_CACHE, "making the folder");
	if (err < 0 && err != -EEXIST)
		return fault_errno(f, FAULT_INDEX_DAMAGED, err, LAYOUT_CACHE,
			"the folder cannot be made");
	fd = io_openat(
		storefd, LAYOUT_CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fault_errno(f, FAULT_INDEX_DAMAGED, fd, LAYOUT_CACHE,
			"it is not a folder of the store");
	return 0;
}

int
index_open(const char *dir, int storefd, const struct store_id *store,
	struct ledger *l, struct index **ret, uint64_t *reflects,
	struct fault *f)
{
	_cleanup_(index_closep) struct index *ix = mem_zalloc(sizeof(*ix));
	char path[PATH_MAX];
	uint64_t n = 0;
	int err;

	if (!ix)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_INDEX, NULL);
	ix->storefd = storefd;
	if (snprintf(path, sizeof(path), "%s/" LAYOUT_INDEX, dir) >=
		(int)sizeof(path))
		return fault_set(f, FAULT_USAGE, dir, "the path is too long");
	err = make_cache_folder(storefd, f);
	if (err < 0)
		return err;
	/* Without this file it is none, or what is left of one. */
	if (rocks_plain(storefd, LAYOUT_INDEX) &&
		faccessat(storefd, LAYOUT_INDEX "/CURRENT", F_OK, 0) == 0 &&
		rocks_open(path, &sizes, &ix->db, NULL, 0) == 0)
		n = mark_get(ix->db, store, l);
	if (n == 0) {
		err = open_new(ix, path, f);
		if (err < 0)
			return err;
	}
	*reflects = n;
	*ret = take_ptr(&ix);
	return 0;
}

void
index_close(struct index *ix)
{
	if (!ix)
		return;
	rocks_close(ix->db);
	/* What stays is refused or replaced by the next opening. */
	if (ix->damaged)
		(void)rocks_destroy(ix->storefd, LAYOUT_INDEX);
	buf_free(&ix->value);
	mem_free(ix);
}

int
index_get(struct index *ix, const struct id *id, struct addr *ret)
{
	struct addr at;
	struct rcur r;
	int err;

	if (ix->damaged)
		return -ENOENT;
	err = rocks_get(ix->db, entry_key(id), &ix->value);
	if (err == -EIO)
		ix->damaged = true;
	if (err < 0)
		return -ENOENT;
	r = rcur_init(buf_span(&ix->value));
	at.ordinal = rcur_u32(&r);
	at.row = rcur_u32(&r);
	if (rcur_end(&r) != 0) {
		ix->damaged = true;
		return -ENOENT;
	}
	*ret = at;
	return 0;
}

void
index_put(struct index *ix, const struct id *id, struct addr at)
{
	uint8_t value[ENTRY_SIZE];

	if (ix->damaged)
		return;
	le32_put(value, at.ordinal);
	le32_put(value + 4, at.row);
	rocks_put(ix->db, entry_key(id), span_of(value, sizeof(value)));
}

void
index_write(struct index *ix, const struct mark *mark)
{
	/* Failing to write may end the process; the next writer catches up. */
	if (room_check(ix->storefd, NULL) < 0) {
		rocks_forget(ix->db);
		ix->stale = true;
		return;
	}
	if (mark && !ix->stale)
		mark_put(ix->db, mark);
	if (rocks_write(ix->db) < 0)
		ix->stale = true;
}
