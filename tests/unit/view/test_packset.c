/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a pack is only what it was asked for as: of another compartment it is
 * refused by that name, when it is opened and when another has it open.
 */
#include "tests/unit/view/made.h"
#include "view/packset.h"

/* The store's newest pack, as the ledger says. */
static struct packset_want
newest_pack(struct store *st)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf_pack pack = {0};
	struct leaf leaf;
	uint64_t n;

	CHECK(LIB_OK(store_leaf_before(st, LEAF_PACK, UINT64_MAX, &n, &f)) &&
		LIB_OK(store_leaf(st, n, &b, &leaf, NULL, &f)) &&
		CHECK_EQ(leaf_pack_decode(leaf.clear, &pack), 0));
	return (struct packset_want){pack.ordinal, pack.compartment, pack.root};
}

static void
compartments(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct packset_want want, other;
	struct packset_pack *pack, *same;
	struct packset *set = NULL;
	struct view_snap *snap;
	char store[LIB_PATH];

	made_empty(check_scratch(), store);
	made_open(store, &s, &snap);
	want = other = newest_pack(s.store);
	CHECK_EQ(want.compartment, 1);
	other.compartment = 2;
	CHECK_EQ(packset_create(store_dirfd(s.store), store_id_peek(s.store),
			 s.access, 4, &set),
		0);
	/* Nobody has it open; then someone has. */
	LIB_FAULT(FAULT_PACK_FOREIGN, packset_get(set, &other, &pack, &f));
	CHECK(LIB_OK(packset_get(set, &want, &pack, &f)));
	LIB_FAULT(FAULT_PACK_FOREIGN, packset_get(set, &other, &same, &f));
	packset_put(set, pack);
	LIB_FAULT(FAULT_PACK_FOREIGN, packset_get(set, &other, &same, &f));
	packset_free(set);
	view_snap_close(snap);
}

CHECK_MAIN(TEST(compartments))
