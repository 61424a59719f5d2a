/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

/* What people read: numbers, times, names, and the one line of a failure. */

#include <stdint.h>
#include <stdio.h>

#include "format/types.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

/* "muniment VERB: ", set once at the start of the program; never freed. */
void out_verb(const char *verb);

/* Print the failure as one line on stderr; returns enum status. */
int out_fail(const struct fault *f);

/* One line on stderr that changes no outcome. */
void out_warn(const char *fmt, ...) printf_like(1, 2);

/*
 * Whether all that was written to stdout arrived; to be asked once at the
 * end. Faults: io.
 */
must_check int out_end(struct fault *f);

/*
 * stdout could not be written, by err and f, but what it should have told of
 * ("the store") is there: f says both. Returns err.
 */
int out_unheard(const char *made, int err, struct fault *f);

/* A foreign name, escaped. */
void out_name(FILE *to, struct span name);

/* A line on stderr of what became of one of many (path empty: of their top). */
void out_about(struct span path, const struct fault *why);

/* "1.4 GiB"; "512 B". */
#define OUT_BYTES 16
void out_bytes(char dst[OUT_BYTES], uint64_t n);

/* "2026-11-22T03:00:00Z". */
#define OUT_TIME 40
void out_time(char dst[OUT_TIME], int64_t seconds);

/* "3 days", "5 h", "2 min", "40 s"; "0 s" for what lies ahead. */
#define OUT_SPAN 24
void out_span(char dst[OUT_SPAN], int64_t seconds);

/*
 * Groups of four digits, to be compared by eye: the first 16 bytes of the
 * SHA-256 of the ledger's public key.
 */
#define OUT_FINGERPRINT 40
void out_fingerprint(char dst[OUT_FINGERPRINT], const uint8_t ledger_pk[32]);

#endif
