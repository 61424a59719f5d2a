/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LEDGER_APPEND_INTERNAL_H
#define STORE_LEDGER_APPEND_INTERNAL_H

/* Shared by ledger_append.c and ledger_recover.c. */

#include "store/ledger_append.h"
#include "store/tree.h"

#define APPEND_TYPES 8U

struct append {
	int dirfd;
	struct append_keys keys;
	uint8_t pk[32];
	struct tree tree;
	uint64_t heads[APPEND_TYPES]; /* by type: number of the last plus 1 */
	uint64_t time;		      /* of the last leaf */
	struct root last;	      /* its hash */
	int fd;			      /* open leaves file, or -1 */
	uint64_t file;		      /* its number */
	uint64_t end;		      /* where its next frame goes */
	uint64_t signed_size;
	struct root signed_last; /* hash of the last signed leaf */
	unsigned int tiles; /* bit L: hash-L was written since the last sync */
	bool new_file;	    /* a file was made since the last sync */
	bool dead;	    /* something failed: I9 */
};

must_check int append_new(int storefd, const struct append_keys *keys,
	struct append **ret, struct fault *f);

/* Count a leaf that stands in its file; as tree_add. */
unsigned int append_count(struct append *a, const struct leaf *leaf,
	const struct root *hash, struct root tops[TREE_LEVELS]);

#endif
