#ifndef WG_TS_AEAD_SELFTEST_H
#define WG_TS_AEAD_SELFTEST_H

#include "aead_implementation.h"

/* Known answers, round trips, and that what was changed is refused. */
bool aead_selftest(const struct aead_implementation *implementation);

#endif
