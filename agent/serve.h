/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_SERVE_H
#define AGENT_SERVE_H

/*
 * The agent's side of docs/format.md section 10: list ahead, answer what the
 * vault wants, until all is listed and answered or the vault says stop.
 */

#include <stddef.h>

#include "util/cleanup.h"

/*
 * Serve a vault on two descriptors (they may be the same), which are set
 * non-blocking meanwhile. 0 after DONE was written; -EPROTO when the vault
 * broke the protocol; -EPIPE when it has gone; or another negative errno.
 * After a failure but -EPIPE a sentence without final stop is in *ret_why.
 */
must_check int serve(int in, int out, const char **ret_why);

#endif
