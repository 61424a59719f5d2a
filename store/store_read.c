/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_internal.h"

#include "format/conf.h"
#include "keys/digest.h"
#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* A later format may have a longer text; its first lines are enough. */
#define CONF_MAX 65536U

struct store {
	int dirfd;
	struct store_id id;
	uint8_t ledger_pk[32];
	struct ledger *ledger;
};

static int
open_folder(const char *dir, int *ret, struct fault *f)
{
	*ret = io_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
	if (*ret == -ENOENT || *ret == -ENOTDIR)
		return fault_set(
			f, FAULT_STORE_MISSING, dir, "there is no such folder");
	if (*ret < 0)
		return trouble_io(f, *ret, dir, "opening the folder");
	return 0;
}

static int
load_conf(struct store *st, const char *dir, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct covered check;
	struct conf conf;
	uint8_t sum[CONF_CHECK_SIZE];
	int err;

	err = io_read_file(st->dirfd, LAYOUT_CONF, CONF_MAX, &b);
	if (err == -ENOENT)
		return fault_set(f, FAULT_STORE_MISSING, dir, "%s",
			trouble_no_store(
				st->dirfd, "the folder holds no store"));
	if (err == -EFBIG)
		return fault_set(f, FAULT_STORE_CONF_DAMAGED, LAYOUT_CONF,
			"it is too long");
	if (err < 0)
		return trouble_file(f, FAULT_STORE_CONF_DAMAGED, err,
			LAYOUT_CONF, "reading");
	err = conf_decode(buf_span(&b), &conf, &check);
	if (err == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_STORE_NEWER, dir,
			"its " LAYOUT_CONF " names a later format");
	if (err < 0)
		return fault_set(f, FAULT_STORE_CONF_DAMAGED, LAYOUT_CONF,
			"its lines are not as they must be");
	digest_blake2b(sum, sizeof(sum), &check.bytes, 1);
	if (memcmp(sum, check.value, sizeof(sum)) != 0)
		return fault_set(f, FAULT_STORE_CONF_DAMAGED, LAYOUT_CONF,
			"its check line does not fit");
	st->id = conf.store;
	memcpy(st->ledger_pk, conf.ledger_key, sizeof(st->ledger_pk));
	return 0;
}

/* The first leaf says which key the ledger began with. */
static int
check_first_leaf(struct store *st, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf_store first;
	struct leaf leaf;
	int err;

	err = ledger_leaf(st->ledger, 0, &b, &leaf, NULL, f);
	if (err < 0)
		return err;
	if (leaf.type != LEAF_STORE ||
		leaf_store_decode(leaf.clear, &first) != 0)
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"its first leaf does not name the store");
	if (memcmp(first.ledger_key, st->ledger_pk, 32) != 0)
		return fault_set(f, FAULT_LEDGER_FOREIGN, LAYOUT_LEDGER,
			"its first leaf names another key");
	return 0;
}

int
store_open(const char *dir, struct store **ret, struct fault *f)
{
	_cleanup_store_ struct store *st = mem_zalloc(sizeof(*st));
	int err;

	if (!st)
		return fault_set(f, FAULT_NO_MEMORY, dir, NULL);
	st->dirfd = -1;
	err = open_folder(dir, &st->dirfd, f);
	if (err == 0)
		err = load_conf(st, dir, f);
	if (err == 0)
		err = ledger_open(
			st->dirfd, &st->id, st->ledger_pk, &st->ledger, f);
	if (err == 0)
		err = check_first_leaf(st, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&st);
	return 0;
}

void
store_close(struct store *st)
{
	if (!st)
		return;
	ledger_close(st->ledger);
	cleanup_close(&st->dirfd);
	mem_free(st);
}

const struct store_id *
store_id_peek(const struct store *st)
{
	return &st->id;
}

const uint8_t *
store_ledger_pk_peek(const struct store *st)
{
	return st->ledger_pk;
}

int
store_dirfd(const struct store *st)
{
	return st->dirfd;
}

int
store_pin(struct store *st, const uint8_t ledger_pk[32], struct fault *f)
{
	if (memcmp(st->ledger_pk, ledger_pk, 32) != 0)
		return fault_set(f, FAULT_STORE_FOREIGN, LAYOUT_CONF,
			"the ledger is not signed by the pinned key");
	return 0;
}

struct ledger *
store_ledger_peek(struct store *st)
{
	return st->ledger;
}

uint64_t
store_leaves(const struct store *st)
{
	return ledger_size(st->ledger);
}

int
store_leaf(struct store *st, uint64_t n, struct buf *buf, struct leaf *ret,
	struct root *hash, struct fault *f)
{
	return ledger_leaf(st->ledger, n, buf, ret, hash, f);
}

/* Numbers plus 1 that the leaves passed so far name as the one before of
 * their type, by type. */
struct named {
	uint64_t prev[32];
};

/* A damaged leaf is passed over only when a later one of another type
 * names it: else it might be the one that is asked for. */
static bool
is_named(const struct named *named, uint64_t n)
{
	for (size_t i = 0; i < array_len(named->prev); i++) {
		if (named->prev[i] == n + 1)
			return true;
	}
	return false;
}

int
store_leaf_before(struct store *st, enum leaf_type type, uint64_t before,
	uint64_t *ret, struct fault *f)
{
	struct named named = {{0}};
	uint64_t n = store_leaves(st);
	enum leaf_type have;
	uint64_t prev;
	int err;

	/* The usual caller goes from one to the one before it. */
	if (before < n) {
		n = before;
		err = ledger_kind(st->ledger, n, &have, &prev, f);
		if (err < 0 && err != -EBADMSG)
			return err;
		if (err == 0 && have == type) {
			if (prev == 0)
				return -ENOENT;
			*ret = prev - 1;
			return 0;
		}
	}
	while (n-- > 0) {
		err = ledger_kind(st->ledger, n, &have, &prev, f);
		if (err == -EBADMSG && !is_named(&named, n))
			return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
				"leaf %" PRIu64 " is missing or damaged", n);
		if (err < 0 && err != -EBADMSG)
			return err;
		if (err == 0 && have == type) {
			*ret = n;
			return 0;
		}
		if (err == 0 && have < array_len(named.prev))
			named.prev[have] = prev;
	}
	return -ENOENT;
}
