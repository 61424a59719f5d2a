/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_FAULT_H
#define UTIL_FAULT_H

/*
 * The story of a refusal, carried upward. The floor that first meets a fault
 * fills in the struct; the floors above only return the negative errno; the
 * program prints fault_text once. Codes and their texts are in
 * util/fault_list.h.
 */

#include <stdarg.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/fault_list.h"

/* FAULT_NONE, FAULT_USAGE, ... in the list's order, then FAULT_CODES. */
enum fault_code {
#define FAULT_ENUM_(id, name, err, advice) FAULT_##id,
	FAULT_LIST(FAULT_ENUM_)
#undef FAULT_ENUM_
	FAULT_CODES
};

/*
 * All zero means that nothing happened yet. object and detail hold raw text,
 * perhaps with foreign bytes; fault_text makes it safe. Longer text is cut
 * and ends in "...". err is negative.
 */
struct fault {
	enum fault_code code;
	int err;
	char object[160];
	char detail[240];
};

/* Enough for any fault_text. */
#define FAULT_TEXT_SIZE 2048

/*
 * Note a fault and return the code's negative errno. object names what is
 * affected (NULL: nothing in particular); fmt says what happened, without a
 * final stop (NULL: the code's name says enough). f may be NULL. The first
 * fault wins: an f that already holds one stays as it is, but the return
 * value is still this code's.
 */
int fault_set(struct fault *f, enum fault_code code, const char *object,
	const char *fmt, ...) printf_like(4, 5);

/*
 * The same for a system call that failed with err (negative): returns err,
 * and the system's text for it follows the detail.
 */
int fault_errno(struct fault *f, enum fault_code code, int err,
	const char *object, const char *fmt, ...) printf_like(5, 6);

/* The code's stable name ("wrong-passphrase"); never freed. */
const char *fault_name(enum fault_code code);

/* What is unharmed and what to do; never freed. */
const char *fault_advice(enum fault_code code);

/* The code's errno, negative; 0 for FAULT_NONE. */
int fault_code_errno(enum fault_code code);

/*
 * Write "OBJECT: DETAIL; ADVICE [name]" as one line without a newline, bytes
 * that are unsafe on a terminal escaped as in util/esc.h. Always ends in a
 * NUL; cut when n is less than FAULT_TEXT_SIZE and it does not fit.
 */
void fault_text(const struct fault *f, char *dst, size_t n);

#endif
