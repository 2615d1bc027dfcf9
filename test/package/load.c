/* Loads the native library at its argument and prints its ABI version and the layout of its structs. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MOST 64

int main(int argc, char **argv) {
  uint32_t (*abi_version)(void);
  uint32_t (*layout)(uint32_t *out, uint32_t capacity);
  uint32_t values[MOST];
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  void *symbol = dlsym(library, "wg_ts_abi_version");
  memcpy(&abi_version, &symbol, sizeof symbol);
  symbol = dlsym(library, "wg_ts_layout");
  memcpy(&layout, &symbol, sizeof symbol);
  if (!abi_version || !layout) return 2;
  uint32_t count = layout(values, MOST);
  printf("%u", abi_version());
  for (uint32_t i = 0; i < count && i < MOST; i++) printf(" %u", values[i]);
  printf("\n");
  return 0;
}
