/*
 * Included before everything else where the library is linked against glibc. Functions that moved from
 * libpthread into libc with glibc 2.32 and 2.34 are linked under their first version, which every later
 * glibc still has. Otherwise a library that was built on a new system would not load on an old one.
 */
#ifndef WG_TS_OLDGLIBC_H
#define WG_TS_OLDGLIBC_H

#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#define SETNAME_VERSION "GLIBC_2.12"
#elif defined(__aarch64__)
#define FIRST_VERSION "GLIBC_2.17"
#define SETNAME_VERSION FIRST_VERSION
#endif

#ifdef FIRST_VERSION
#define FROM(version, function) __asm__(".symver " #function "," #function "@" version)
FROM(FIRST_VERSION, pthread_attr_setstacksize);
FROM(FIRST_VERSION, pthread_create);
FROM(FIRST_VERSION, pthread_join);
FROM(FIRST_VERSION, pthread_sigmask);
FROM(SETNAME_VERSION, pthread_setname_np);
#undef FROM
#endif

#endif
