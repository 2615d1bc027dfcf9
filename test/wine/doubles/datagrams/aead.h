#include "../../../../native/lib/aead.h"
