#include "../../../../native/lib/joined.c"
