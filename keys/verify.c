/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/verify.h"

#include <errno.h>
#include <sodium.h>

int
verify_message(const uint8_t pk[32], struct span msg, const uint8_t sig[64])
{
	return crypto_sign_verify_detached(sig, msg.p, msg.n, pk) == 0
		       ? 0
		       : -EBADMSG;
}
