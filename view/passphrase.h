/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_PASSPHRASE_H
#define VIEW_PASSPHRASE_H

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/limits.h"
#include "util/span.h"

/* Longest passphrase. */
#define PASSPHRASE_MAX ((unsigned int)LIMIT_PASSPHRASE)

/* Lives in secmem: secmem_alloc(sizeof(struct passphrase)). */
struct passphrase {
	size_t n;
	uint8_t b[PASSPHRASE_MAX + 2]; /* with a newline, and one too many */
};

static inline struct span
passphrase_span(const struct passphrase *p)
{
	return span_of(p->b, p->n);
}

/* The file to ask: option, else MUNIMENT_PASSPHRASE_FILE, else NULL. */
const char *passphrase_file(const char *option);

/*
 * Read a passphrase from file (a FIFO or /dev/fd/N too), or, when file is
 * NULL, from the terminal after showing prompt, with echo off. Echo is
 * brought back on every way out, a signal that ends or stops the process
 * included. One newline at the end is taken off. Faults: passphrase-missing
 * (no terminal, no such file, or empty), limit-exceeded, interrupted.
 */
must_check int passphrase_read(const char *file, const char *prompt,
	struct passphrase *ret, struct fault *f);

#endif
