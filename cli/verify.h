/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

/* What verify collects and how it tells it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/json.h"
#include "store/scrub.h"
#include "store/snapshots.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/session.h"

struct verify_count {
	uint64_t objects; /* of the store */
	uint64_t files;	  /* of snapshots */
};

enum verify_weight {
	VERIFY_WELL,
	VERIFY_UNREAD,
	VERIFY_DAMAGED,
	VERIFY_NEEDED, /* damage that snapshots show */
};

struct verify {
	bool as_json;
	bool terminal;
	bool line;
	const struct snapshot_list *names; /* to tell leaf numbers by name */
	struct json report;		   /* findings are collected in it */
	struct verify_count damaged;
	struct verify_count unread; /* perhaps whole */
	enum verify_weight weight;  /* of the gravest so far, and its name */
	enum fault_code gravest;
	uint64_t objects; /* opened by --read-data */
	uint64_t object_bytes;
};

/* ---- telling, verify.c ---- */

void verify_finding(struct verify *v, const struct scrub_finding *finding);
/* A file or directory of a snapshot that cannot be given back. */
void verify_file(struct verify *v, const struct snapshot *s, struct span path,
	const struct fault *why);
/* total 0: not known. */
void verify_progress(struct verify *v, uint64_t done, uint64_t total);

/* ---- verify --read-data, verify_data.c ---- */

/*
 * Open every object of every pack that a snapshot lists; where one is
 * damaged, name the files that it belongs to, in each snapshot. Damage is a
 * finding; negative errno only where it could not go on.
 */
must_check int verify_data(
	struct verify *v, struct session *s, struct fault *f);

#endif
