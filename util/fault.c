/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "util/esc.h"
#include "util/fault.h"

struct fault_entry {
	const char *name;
	int err; /* positive */
	const char *advice;
};

static const struct fault_entry table[] = {
#define FAULT_ENTRY_(id, name, err, advice) {name, err, advice},
	FAULT_LIST(FAULT_ENTRY_)
#undef FAULT_ENTRY_
};

static_assert(array_len(table) == FAULT_CODES, "one entry for each code");

static const struct fault_entry *
entry_of(enum fault_code code)
{
	assert(code < FAULT_CODES);
	return &table[code];
}

/*
 * The text in dst wanted full bytes and got at most n - 1: end it in "...",
 * at the start of a character.
 */
static void
mark_cut(char *dst, size_t n, size_t full)
{
	size_t at;

	if (full < n)
		return;
	at = n - sizeof("...");
	while (at > 0 && ((unsigned char)dst[at] & 0xc0) == 0x80)
		at--;
	memcpy(dst + at, "...", sizeof("..."));
}

static void
put_text(char *dst, size_t n, const char *text)
{
	int full = snprintf(dst, n, "%s", text);

	mark_cut(dst, n, full < 0 ? 0 : (size_t)full);
}

static void
note(struct fault *f, enum fault_code code, int err, const char *object)
{
	f->code = code;
	f->err = err;
	put_text(f->object, sizeof(f->object), object ? object : "");
	f->detail[0] = '\0';
}

printf_like(3, 0) static void put_detail(
	char *dst, size_t n, const char *fmt, va_list ap)
{
	int full = vsnprintf(dst, n, fmt, ap);

	mark_cut(dst, n, full < 0 ? 0 : (size_t)full);
}

int
fault_set(struct fault *f, enum fault_code code, const char *object,
	const char *fmt, ...)
{
	int err = -entry_of(code)->err;
	va_list ap;

	if (!f || f->code != FAULT_NONE)
		return err;
	note(f, code, err, object);
	if (fmt) {
		va_start(ap, fmt);
		put_detail(f->detail, sizeof(f->detail), fmt, ap);
		va_end(ap);
	}
	return err;
}

int
fault_errno(struct fault *f, enum fault_code code, int err, const char *object,
	const char *fmt, ...)
{
	const char *reason;
	size_t room, at;
	va_list ap;

	assert(err < 0);
	if (!f || f->code != FAULT_NONE)
		return err;
	note(f, code, err, object);
	/* Not strerror: this one needs no buffer and is safe in threads. */
	reason = strerrordesc_np(-err);
	if (!reason)
		reason = "unknown error";
	/* The system's text is short and says most: it is never cut. */
	room = sizeof(f->detail) - strlen(": ") - strlen(reason);
	if (fmt) {
		va_start(ap, fmt);
		put_detail(f->detail, room, fmt, ap);
		va_end(ap);
	}
	at = strlen(f->detail);
	snprintf(f->detail + at, sizeof(f->detail) - at, "%s%s",
		at > 0 ? ": " : "", reason);
	return err;
}

const char *
fault_name(enum fault_code code)
{
	return entry_of(code)->name;
}

const char *
fault_advice(enum fault_code code)
{
	return entry_of(code)->advice;
}

int
fault_code_errno(enum fault_code code)
{
	return -entry_of(code)->err;
}

/* The line so far; full once a piece was cut, so that no later one follows. */
struct line {
	char *dst;
	size_t n, at;
	bool full;
};

static void
put_foreign(struct line *l, const char *text)
{
	size_t left = l->n - l->at;

	if (l->full)
		return;
	l->full = esc_name(l->dst + l->at, left, span_str(text)) >= left;
	l->at += strlen(l->dst + l->at);
}

/* Our own text holds nothing to escape; the same path keeps it simple. */
static void
put_own(struct line *l, const char *text)
{
	put_foreign(l, text);
}

/* "wrong-passphrase" reads as "wrong passphrase". */
static void
put_name_as_words(struct line *l, const char *name)
{
	char words[64];

	put_text(words, sizeof(words), name);
	for (char *p = words; *p; p++) {
		if (*p == '-')
			*p = ' ';
	}
	put_own(l, words);
}

void
fault_text(const struct fault *f, char *dst, size_t n)
{
	const struct fault_entry *e = entry_of(f->code);
	struct line l = {dst, n, 0, n == 0};

	if (f->object[0] != '\0') {
		put_foreign(&l, f->object);
		put_own(&l, ": ");
	}
	if (f->detail[0] != '\0')
		put_foreign(&l, f->detail);
	else
		put_name_as_words(&l, e->name);
	put_own(&l, "; ");
	put_own(&l, e->advice);
	put_own(&l, " [");
	put_own(&l, e->name);
	put_own(&l, "]");
}
