/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/view/made.h"

#include <fcntl.h>

#include "format/snaproot.h"
#include "keys/secmem.h"
#include "pull/ingest.h"
#include "util/io.h"
#include "util/mem.h"

#define ORDINALS 64U

struct made {
	struct lib_store store;
	struct writer *writer;
	struct ingest *ingest;
	bool used[ORDINALS];
	uint64_t problems;
	struct ref list; /* of the problems, if there are any */
};

static void
must(bool good, const char *what)
{
	if (good)
		return;
	printf("cannot go on: %s\n", what);
	exit(1);
}

struct made *
made_begin(const char *dir)
{
	struct made *m = calloc(1, sizeof(*m));
	struct ingest_opts opts = {
		.compartment = 1, .source = "made", .workers = 2};

	must(m, "memory");
	lib_make_in(&m->store, dir, "store");
	must(LIB_OK(writer_open(m->store.dir, NULL, &m->writer, &f)), "writer");
	opts.writer = m->writer;
	must(LIB_OK(ingest_open(&opts, &m->ingest, &f)), "ingest");
	return m;
}

const char *
made_store(const struct made *m)
{
	return m->store.dir;
}

struct ref
made_object(struct made *m, enum object_type type, const void *content,
	size_t n, const struct ref *refs, size_t nrefs)
{
	struct ref ref = {{{0}}, {0, 0}};

	must(LIB_OK(ingest_put(m->ingest, type, span_of(content, n), refs,
		     (uint32_t)nrefs, &ref, &f)),
		"object");
	must(ref.addr.ordinal < ORDINALS, "ordinals");
	m->used[ref.addr.ordinal] = true;
	return ref;
}

struct ref
made_forged(struct made *m, const char *claims, const char *bytes)
{
	const struct lib_object o = {
		.type = OBJECT_CHUNK, .content = bytes, .claims = claims};
	struct lib_draft d;
	struct ref ref;
	uint64_t pull;

	must(LIB_OK(ingest_pull(m->ingest, &pull, &f)), "pull");
	lib_begin(&m->store, m->writer, PACK_DATA, pull, &d);
	lib_block(&m->store, &d, &o, 1, &ref);
	must(LIB_OK(draft_seal(m->writer, d.d, NULL, &f)), "seal");
	must(ref.addr.ordinal < ORDINALS, "ordinals");
	m->used[ref.addr.ordinal] = true;
	return ref;
}

struct ref
made_node(
	struct made *m, uint8_t level, const struct made_piece *piece, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct content_piece *v = calloc(n, sizeof(*v));
	struct ref *refs = calloc(n, sizeof(*refs)), ref;
	size_t nrefs = 0;

	must(v && refs, "memory");
	for (size_t i = 0; i < n; i++) {
		v[i] = piece[i].piece;
		if (v[i].kind == CONTENT_DATA)
			refs[nrefs++] = piece[i].ref;
	}
	must(content_encode(&b, level, CONTENT_GEAR, v, n) == 0, "node");
	ref = made_object(m, OBJECT_CONTENT, b.p, b.n, refs, nrefs);
	free(v);
	free(refs);
	return ref;
}

struct made_entry
made_entry(const char *name, enum file_kind kind)
{
	struct made_entry e = {
		{0}, {.kind = kind}, {{{0}}, {0, 0}}, {{{0}}, {0, 0}}};

	snprintf(e.name, sizeof(e.name), "%s", name);
	e.e.mode = kind == FILE_DIRECTORY ? 0755 : 0644;
	e.e.user = geteuid();
	e.e.group = getegid();
	e.e.mtime = (struct when){1600000000, 123456789};
	e.e.ctime = (struct when){1600000001, 1};
	return e;
}

struct made_entry
made_file(struct made *m, const char *name, const void *bytes, size_t n)
{
	struct made_entry e = made_entry(name, FILE_REGULAR);

	e.e.size = n;
	if (n > 0) {
		e.e.content = OBJECT_CHUNK;
		e.content = made_object(m, OBJECT_CHUNK, bytes, n, NULL, 0);
	}
	return e;
}

static int
by_name(const void *a, const void *b)
{
	const struct made_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* One child of the level above. */
struct child {
	struct ref ref;
	struct directory_child c;
};

static struct child
make_page(struct made *m, const struct made_entry *v, size_t n)
{
	_cleanup_buf_ struct buf rows = BUF_INIT, page = BUF_INIT;
	struct ref *refs = calloc(2 * n + 1, sizeof(*refs));
	struct child child = {.c = {.direct = n}};
	size_t nrefs = 0;

	must(refs, "memory");
	for (size_t i = 0; i < n; i++) {
		struct dirent_rec e = v[i].e;

		e.name = span_str(v[i].name);
		must(directory_entry_encode(&rows, &e) == 0, v[i].name);
		if (e.content != 0)
			refs[nrefs++] = v[i].content;
		if (e.flags & DIRENT_ATTRS)
			refs[nrefs++] = v[i].attrs;
		child.c.below += 1 + e.below;
		child.c.bytes +=
			e.kind == FILE_DIRECTORY || e.kind == FILE_REGULAR
				? e.size
				: 0;
	}
	must(directory_page_encode(&page, NULL, 0, buf_span(&rows), n) == 0,
		"page");
	child.ref = made_object(m, OBJECT_DIRPAGE, page.p, page.n, refs, nrefs);
	if (n > 0)
		child.c.name = span_str(v[0].name);
	free(refs);
	return child;
}

static struct child
make_node(struct made *m, uint8_t level, const struct child *v, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_child *c = calloc(n, sizeof(*c));
	struct ref *refs = calloc(n, sizeof(*refs));
	struct child child = {.c = {.name = v[0].c.name}};

	must(c && refs, "memory");
	for (size_t i = 0; i < n; i++) {
		c[i] = v[i].c;
		refs[i] = v[i].ref;
		child.c.direct += v[i].c.direct;
		child.c.below += v[i].c.below;
		child.c.bytes += v[i].c.bytes;
	}
	must(directory_node_encode(&b, level, c, n) == 0, "node");
	child.ref = made_object(m, OBJECT_DIRNODE, b.p, b.n, refs, n);
	free(c);
	free(refs);
	return child;
}

void
made_directory(struct made *m, struct made_entry *dir, struct made_entry *v,
	size_t n, size_t per_page, size_t fan)
{
	struct child *c = calloc(n / per_page + 2, sizeof(*c));
	size_t count = 0;
	uint8_t level = 0;

	must(c, "memory");
	if (n > 0)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 0; i < n || count == 0; i += per_page)
		c[count++] = make_page(
			m, v + i, n - i < per_page ? n - i : per_page);
	while (count > 1) {
		size_t up = 0;

		level++;
		for (size_t i = 0; i < count; i += fan)
			c[up++] = make_node(m, level, c + i,
				count - i < fan ? count - i : fan);
		count = up;
	}
	dir->content = c[0].ref;
	dir->e.content = level > 0 ? OBJECT_DIRNODE : OBJECT_DIRPAGE;
	dir->e.below = c[0].c.below;
	dir->e.size = c[0].c.bytes;
	free(c);
}

void
made_problems(struct made *m, uint64_t n, struct ref list)
{
	m->problems = n;
	m->list = list;
}

static struct ref
make_root(struct made *m, const char *const *path,
	const struct made_entry *root, size_t paths)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct snaproot_path *p = calloc(paths, sizeof(*p));
	struct ref *refs = calloc(2 * paths + 1, sizeof(*refs)), ref;
	struct snaproot_parts parts = {
		.path = p, .paths = paths, .problems = m->problems};
	size_t nrefs = 0;

	must(p && refs, "memory");
	if (m->problems > 0)
		refs[nrefs++] = m->list;
	for (size_t i = 0; i < paths; i++) {
		p[i].path = span_str(path[i]);
		p[i].entry = root[i].e;
		p[i].entry.name = span_of(NULL, 0);
		if (root[i].e.content != 0)
			refs[nrefs++] = root[i].content;
		if (root[i].e.flags & DIRENT_ATTRS)
			refs[nrefs++] = root[i].attrs;
	}
	must(snaproot_encode(&b, &parts) == 0, "root");
	ref = made_object(m, OBJECT_SNAPROOT, b.p, b.n, refs, nrefs);
	free(p);
	free(refs);
	return ref;
}

void
made_commit(struct made *m, const char *const *path,
	const struct made_entry *root, size_t paths)
{
	struct ref ref = make_root(m, path, root, paths);
	struct leaf_body body = lib_body("made", &ref);
	uint32_t ordinals[ORDINALS];
	uint64_t number, pull;
	struct root id;
	size_t n = 0;

	must(LIB_OK(ingest_pull(m->ingest, &pull, &f)), "pull");
	must(LIB_OK(ingest_seal(m->ingest, &f)), "seal");
	for (uint32_t i = 0; i < ORDINALS; i++) {
		if (m->used[i])
			ordinals[n++] = i;
	}
	must(LIB_OK(writer_commit(m->writer, pull, 1, LEAF_COMPLETE, ordinals,
		     n, &body, &number, &id, &f)),
		"commit");
	ingest_close(m->ingest);
	writer_close(m->writer);
	lib_done(&m->store);
}

void
made_free(struct made *m)
{
	free(m);
}

void
made_empty(const char *dir, char store[LIB_PATH])
{
	static const char *const paths[] = {"/srv"};
	struct made *m = made_begin(dir);
	struct made_entry root = made_entry("", FILE_DIRECTORY);

	made_directory(m, &root, NULL, 0, 8, 2);
	made_commit(m, paths, &root, 1);
	snprintf(store, LIB_PATH, "%s", made_store(m));
	made_free(m);
}

void
made_open(const char *store, struct session *s, struct view_snap **snap)
{
	char file[LIB_PATH];
	struct span path;
	int fd;

	snprintf(file, sizeof(file), "%s.pass", store);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, MADE_PASSPHRASE "\n",
				sizeof(MADE_PASSPHRASE)) ==
				(ssize_t)sizeof(MADE_PASSPHRASE),
		file);
	close(fd);
	must(LIB_OK(session_open(store, file, VIEW_CACHE_RESTORE, s, &f)),
		"session");
	must(LIB_OK(session_snapshot(s, "made@latest", snap, NULL, &path, &f)),
		"snapshot");
}
