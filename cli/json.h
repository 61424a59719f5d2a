/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

/*
 * JSON for programs, over jansson. An object is collected without a check of
 * each step: when memory runs short on the way, json_print says so.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

/* An object or array under way. */
struct json {
	json_t *value;
	bool failed;
};
#define _cleanup_json_ _cleanup_(json_end)

struct json json_new(void);
void json_end(struct json *j);

void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, uint64_t n);
void json_signed(struct json *j, const char *key, int64_t n);
void json_bool(struct json *j, const char *key, bool yes);
void json_hex(struct json *j, const char *key, struct span bytes);
/* Seconds since 1970 as "2026-11-22T03:00:00Z". */
void json_time(struct json *j, const char *key, int64_t seconds);
/* UTF-8 under key, other bytes in base64 under key_b64. */
void json_name(struct json *j, const char *key, struct span name);

/* Takes item, which is empty afterwards, to the end of the array under key. */
void json_add(struct json *j, const char *key, struct json *item);
/* The array exists even when nothing is added. */
void json_array_of(struct json *j, const char *key);

/* One line on stdout. Faults: no-memory, io. */
must_check int json_print(const struct json *j, struct fault *f);

#endif
