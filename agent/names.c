/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/names.h"
#include "util/cleanup.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/limits.h"
#include "util/mem.h"

/* Bytes of names at which a pass thins out what it has. */
#define TEXT_MAX (64U * 1024U * 1024U)

/* In use inside one call of names_read or names_has, never beyond it. */
static _Alignas(struct dirent64) uint8_t dents[64 * 1024];

/* For sorting: the text that all offsets are in. */
static const uint8_t *sort_text;

/* Big-endian and filled with zeros, so that keys compare like bytes. */
static uint64_t
make_key(const uint8_t *p, size_t n)
{
	uint64_t key = 0;

	for (size_t i = 0; i < 8; i++)
		key = key << 8 | (i < n ? p[i] : 0U);
	return key;
}

static int
compare(const struct name *a, const uint8_t *at, const struct name *b,
	const uint8_t *bt)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int c;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	c = memcmp(at, bt, n);
	return c ? c : (int)a->n - (int)b->n;
}

static int
by_bytes(const void *ap, const void *bp)
{
	const struct name *a = ap, *b = bp;

	return compare(a, sort_text + a->at, b, sort_text + b->at);
}

/* Some file systems tell one name twice when a directory changes. */
static void
sort_names(struct names *names)
{
	size_t kept = 0;

	if (names->n < 2)
		return;
	sort_text = names->text.p;
	qsort(names->name, names->n, sizeof(names->name[0]), by_bytes);
	for (size_t i = 1; i < names->n; i++) {
		if (by_bytes(&names->name[kept], &names->name[i]) != 0)
			names->name[++kept] = names->name[i];
	}
	names->n = kept + 1;
}

/* Keep the smaller half of the names and pack their text. */
static int
thin_out(struct names *names)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int err;

	sort_names(names);
	names->n -= names->n / 2;
	names->more = true;
	err = buf_reserve(&text, names->text.n);
	for (size_t i = 0; err == 0 && i < names->n; i++) {
		struct name *name = &names->name[i];
		size_t at = text.n;

		err = buf_append(&text, names->text.p + name->at, name->n + 1U);
		name->at = (uint32_t)at;
	}
	if (err < 0) {
		names->n = 0;
		return err;
	}
	buf_free(&names->text);
	names->text = text;
	text = BUF_INIT;
	return 0;
}

static int
grow(struct names *names)
{
	size_t cap = names->cap > 0 ? 2 * names->cap : 64;
	struct name *more;

	if (names->n < names->cap)
		return 0;
	more = mem_realloc_array(names->name, cap, sizeof(*more));
	if (!more)
		return -ENOMEM;
	names->name = more;
	names->cap = cap;
	return 0;
}

/* last and cutoff: only names above the one and below the other. */
struct bounds {
	struct name last, cutoff;
	struct span last_text;
	size_t keep;
};

static bool
wanted(const struct names *names, const struct bounds *b,
	const struct name *name, const uint8_t *text)
{
	if (b->last_text.n > 0 &&
		compare(name, text, &b->last, b->last_text.p) <= 0)
		return false;
	return !names->more || compare(name, text, &b->cutoff,
				       names->text.p + b->cutoff.at) < 0;
}

static int
add(struct names *names, struct bounds *b, const struct dirent64 *e)
{
	const uint8_t *text = (const uint8_t *)e->d_name;
	size_t n = strlen(e->d_name);
	struct name name;
	int err;

	if (n == 0 ||
		(text[0] == '.' && (n == 1 || (n == 2 && text[1] == '.'))))
		return 0;
	if (n > LIMIT_NAME || memchr(text, '/', n)) {
		names->too_long = true;
		return 0;
	}
	name = (struct name){.key = make_key(text, n),
		.ino = e->d_ino,
		.at = (uint32_t)names->text.n,
		.n = (uint8_t)n,
		.type = e->d_type};
	if (!wanted(names, b, &name, text))
		return 0;
	err = grow(names);
	if (err == 0)
		err = buf_append(&names->text, text, n + 1);
	if (err < 0)
		return err;
	names->name[names->n++] = name;
	if (names->n < 2 * b->keep && names->text.n < TEXT_MAX)
		return 0;
	err = thin_out(names);
	if (err == 0)
		b->cutoff = names->name[names->n - 1];
	return err;
}

/* Bytes of entries, 0 at the end, or a negative errno. */
static ssize_t
next_entries(int fd)
{
	ssize_t got;

	do {
		size_t n = sizeof(dents);

		got = hook_check_len(HOOK_READ, &n);
		if (got < 0)
			continue;
		/* Not n: a buffer below one entry's size is an error to the
		 * kernel. */
		got = getdents64(fd, dents, sizeof(dents));
		if (got < 0)
			got = -errno;
	} while (got == -EINTR);
	return got;
}

static int
read_all(struct names *names, int fd, struct bounds *b)
{
	for (;;) {
		ssize_t got = next_entries(fd);

		if (got <= 0)
			return (int)got;
		for (size_t at = 0; at < (size_t)got;) {
			const struct dirent64 *e = (const void *)(dents + at);
			int err = add(names, b, e);

			if (err < 0)
				return err;
			at += e->d_reclen;
		}
	}
}

int
names_read(struct names *names, int fd, struct span last, size_t keep)
{
	struct bounds b = {.last_text = last, .keep = keep};
	int err;

	if (last.n > 0)
		b.last = (struct name){
			.key = make_key(last.p, last.n), .n = (uint8_t)last.n};
	names->n = names->next = 0;
	names->more = false;
	buf_clear(&names->text);
	if (last.n > 0 && lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	err = read_all(names, fd, &b);
	sort_names(names);
	return err;
}

/* 1 when it is one of those in dents, of which n bytes are filled. */
static int
among(size_t n, struct span name)
{
	for (size_t at = 0; at < n;) {
		const struct dirent64 *e = (const void *)(dents + at);

		if (span_eq(span_str(e->d_name), name))
			return 1;
		at += e->d_reclen;
	}
	return 0;
}

int
names_has(int fd, struct span name)
{
	_cleanup_close_ int again =
		io_openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	ssize_t got;
	int found = 0;

	if (again < 0)
		return again;
	while (found == 0 && (got = next_entries(again)) > 0)
		found = among((size_t)got, name);
	return found == 0 && got < 0 ? (int)got : found;
}

size_t
names_size(const struct names *names)
{
	return names->cap * sizeof(names->name[0]) + names->text.cap;
}

void
names_free(struct names *names)
{
	mem_free(names->name);
	buf_free(&names->text);
	*names = (struct names){0};
}
