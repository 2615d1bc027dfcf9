/* Finds functions by name at run time. */
#ifndef WG_TS_RESOLVE_H
#define WG_TS_RESOLVE_H

#include <string.h>
#include <windows.h>

/* Sets the pointer to a function `variable` to what `module` exports as `name`, or to NULL. */
#define RESOLVE(variable, module, name) resolve_into(&(variable), sizeof(variable), module, name)

/* Copies bytes, since C has no type that all function pointers convert to. */
static inline void resolve_into(void *variable, size_t size, HMODULE module, const char *name) {
  const FARPROC function = GetProcAddress(module, name);
  memcpy(variable, &function, size);
}

#endif
