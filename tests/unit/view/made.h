/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIEW_MADE_H
#define TESTS_UNIT_VIEW_MADE_H

/* Snapshots made by hand, for the tests of view/ and restore/. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/content.h"
#include "format/directory.h"
#include "format/types.h"
#include "tests/unit/store/lib.h"
#include "view/session.h"

struct made;

#define MADE_PASSPHRASE "correct horse"

/* An entry of a directory to be stored. refs as its kind and flags ask. */
struct made_entry {
	char name[256];
	struct dirent_rec e; /* name is not looked at */
	struct ref content;
	struct ref attrs;
};

/* A content node's entry: data takes the next of refs. */
struct made_piece {
	struct content_piece piece;
	struct ref ref;
};

/* A store below dir and a pull that is open. Ends the process on failure. */
struct made *made_begin(const char *dir);
const char *made_store(const struct made *m);

struct ref made_object(struct made *m, enum object_type type,
	const void *content, size_t n, const struct ref *refs, size_t nrefs);
/* A chunk with the id of one text and the bytes of another, in a pack that is
 * otherwise as it must be: what only the sealing side itself could write. */
struct ref made_forged(struct made *m, const char *claims, const char *bytes);
struct ref made_node(struct made *m, uint8_t level,
	const struct made_piece *piece, size_t n);

/* Defaults for an entry of a kind: mode 0644 or 0755, a time, size 0. */
struct made_entry made_entry(const char *name, enum file_kind kind);
/* A regular file of one chunk. */
struct made_entry made_file(
	struct made *m, const char *name, const void *bytes, size_t n);

/*
 * Store a directory: n entries (sorted here) in pages of per_page, nodes of
 * fan children each. Sets content, content ref, size and below of *dir.
 */
void made_directory(struct made *m, struct made_entry *dir,
	struct made_entry *v, size_t n, size_t per_page, size_t fan);

/* The snapshot that is committed next has n problems, listed by list. */
void made_problems(struct made *m, uint64_t n, struct ref list);

/*
 * Commit a snapshot of paths with their root entries, and forget the store's
 * secrets. Only made_free after it.
 */
void made_commit(struct made *m, const char *const *path,
	const struct made_entry *root, size_t paths);
void made_free(struct made *m);

/* A store below dir with one snapshot, of an empty /srv. */
void made_empty(const char *dir, char store[LIB_PATH]);

/* Open what was made: its only snapshot. */
void made_open(const char *store, struct session *s, struct view_snap **snap);

#endif
