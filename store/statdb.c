/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statdb.h"

#include "store/layout.h"
#include "store/rocks.h"
#include "store/room.h"
#include "util/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

static const struct rocks_sizes sizes = {
	.write_buffer = 4U << 20,
	.cache = 8U << 20,
};

struct statdb {
	struct rocks *db; /* NULL: it could not be had */
	int storefd;	  /* borrowed */
	bool damaged;
};

int
statdb_open(const char *dir, int storefd, struct statdb **ret)
{
	struct statdb *db = mem_zalloc(sizeof(*db));
	char path[PATH_MAX];

	if (!db)
		return -ENOMEM;
	db->storefd = storefd;
	if (!rocks_plain(storefd, LAYOUT_STAT) &&
		rocks_destroy(storefd, LAYOUT_STAT) < 0) {
		*ret = db;
		return 0;
	}
	if (snprintf(path, sizeof(path), "%s/" LAYOUT_STAT, dir) <
			(int)sizeof(path) &&
		rocks_open(path, &sizes, &db->db, NULL, 0) < 0 &&
		rocks_destroy(storefd, LAYOUT_STAT) == 0 &&
		rocks_open(path, &sizes, &db->db, NULL, 0) < 0)
		db->db = NULL;
	*ret = db;
	return 0;
}

void
statdb_close(struct statdb *db)
{
	if (!db)
		return;
	statdb_flush(db);
	rocks_close(db->db);
	/* A failure leaves it to the next opening. */
	if (db->damaged)
		(void)rocks_destroy(db->storefd, LAYOUT_STAT);
	mem_free(db);
}

int
statdb_get(struct statdb *db, struct span key, struct buf *out)
{
	int err;

	buf_clear(out);
	if (!db->db || db->damaged)
		return -ENOENT;
	err = rocks_get(db->db, key, out);
	if (err == -EIO)
		db->damaged = true;
	if (err < 0)
		buf_clear(out);
	return err == -EIO ? -ENOENT : err;
}

void
statdb_put(struct statdb *db, struct span key, struct span value)
{
	if (db->db)
		rocks_put(db->db, key, value);
}

void
statdb_flush(struct statdb *db)
{
	/* What is not written will be read again at the source. */
	if (db->db &&
		(room_check(db->storefd, NULL) < 0 || rocks_write(db->db) < 0))
		rocks_forget(db->db);
}
