/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_ESC_H
#define UTIL_ESC_H

/* Foreign names on a terminal. */

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

/* Room for n escaped bytes and the NUL. */
#define ESC_SIZE(n) (4 * (n) + 1)

/*
 * Write a name so that it can neither command a terminal nor reorder a line,
 * and can be told from every other name: printable UTF-8 as it is, a
 * backslash doubled, and each byte of anything else as \xNN (lower case):
 * control characters (C0, DEL, C1), bytes that are not UTF-8, line and
 * paragraph separators, and the characters that set the writing direction.
 *
 * Returns the full length without the NUL; when that is n or more the text
 * was cut, never inside an escape or a character. dst always ends in a NUL
 * when n is not 0.
 */
size_t esc_name(char *dst, size_t n, struct span name);

/*
 * True for well-formed UTF-8: no overlong form, no surrogate, nothing above
 * U+10FFFF. The empty span is valid.
 */
bool utf8_valid(struct span s);

#endif
