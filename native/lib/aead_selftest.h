#ifndef WG_TS_AEAD_SELFTEST_H
#define WG_TS_AEAD_SELFTEST_H

#include "aead_implementation.h"

/* Checks known answers and round trips, and that changed messages are refused. */
bool aead_selftest(const struct aead_implementation *implementation);

#endif
