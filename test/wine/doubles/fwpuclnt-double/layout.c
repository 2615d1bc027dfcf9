/* Where the compiler puts each field, from the true headers. */
#include "double.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SIZE(type) text_add(&text, "\"" #type "\":{\"size\":%zu", sizeof(type))
#define FIELD(type, field) text_add(&text, ",\"" #field "\":%zu", offsetof(type, field))
#define NAMED(type, field, name) text_add(&text, ",\"" name "\":%zu", offsetof(type, field))
#define DISPLAY(type)                               \
  NAMED(type, displayData.name, "displayName");     \
  NAMED(type, displayData.description, "displayDescription")
#define END text_add(&text, "},")

EXPORT uint32_t DoubleLayout(char *buffer, uint32_t size) {
  struct text text = {0};
  text_add(&text, "{");
  SIZE(FWPM_SESSION0);
  DISPLAY(FWPM_SESSION0);
  FIELD(FWPM_SESSION0, flags);
  FIELD(FWPM_SESSION0, txnWaitTimeoutInMSec);
  END;
  SIZE(FWPM_PROVIDER0);
  FIELD(FWPM_PROVIDER0, providerKey);
  DISPLAY(FWPM_PROVIDER0);
  FIELD(FWPM_PROVIDER0, flags);
  END;
  SIZE(FWPM_SUBLAYER0);
  FIELD(FWPM_SUBLAYER0, subLayerKey);
  DISPLAY(FWPM_SUBLAYER0);
  FIELD(FWPM_SUBLAYER0, flags);
  FIELD(FWPM_SUBLAYER0, providerKey);
  FIELD(FWPM_SUBLAYER0, weight);
  END;
  SIZE(FWPM_FILTER0);
  FIELD(FWPM_FILTER0, filterKey);
  DISPLAY(FWPM_FILTER0);
  FIELD(FWPM_FILTER0, flags);
  FIELD(FWPM_FILTER0, providerKey);
  FIELD(FWPM_FILTER0, layerKey);
  FIELD(FWPM_FILTER0, subLayerKey);
  NAMED(FWPM_FILTER0, weight.type, "weightType");
  NAMED(FWPM_FILTER0, weight.uint8, "weightValue");
  FIELD(FWPM_FILTER0, numFilterConditions);
  FIELD(FWPM_FILTER0, filterCondition);
  NAMED(FWPM_FILTER0, action.type, "actionType");
  FIELD(FWPM_FILTER0, filterId);
  END;
  SIZE(FWPM_FILTER_CONDITION0);
  FIELD(FWPM_FILTER_CONDITION0, fieldKey);
  FIELD(FWPM_FILTER_CONDITION0, matchType);
  NAMED(FWPM_FILTER_CONDITION0, conditionValue.type, "valueType");
  NAMED(FWPM_FILTER_CONDITION0, conditionValue.uint8, "value");
  END;
  SIZE(FWP_BYTE_BLOB);
  NAMED(FWP_BYTE_BLOB, size, "length");
  FIELD(FWP_BYTE_BLOB, data);
  END;
  SIZE(FWP_V6_ADDR_AND_MASK);
  FIELD(FWP_V6_ADDR_AND_MASK, addr);
  FIELD(FWP_V6_ADDR_AND_MASK, prefixLength);
  text_add(&text, "}}");
  uint32_t length = (uint32_t)text.length;
  if (length <= size) memcpy(buffer, text.bytes, length);
  free(text.bytes);
  return length;
}
