#include "double.h"

static void describe_value(struct text *text, const FWP_CONDITION_VALUE0 *value) {
  text_add(text, "\"type\":%d,", (int)value->type);
  switch ((int)value->type) {
    case FWP_UINT8:
      text_add(text, "\"value\":%u", value->uint8);
      break;
    case FWP_UINT16:
      text_add(text, "\"value\":%u", value->uint16);
      break;
    case FWP_UINT32:
      text_add(text, "\"value\":%u", value->uint32);
      break;
    case FWP_UINT64:
      text_add(text, "\"value\":\"%llu\"", (unsigned long long)*value->uint64);
      break;
    case FWP_BYTE_ARRAY16_TYPE:
      text_add_bytes(text, "value", value->byteArray16->byteArray16, 16);
      break;
    case FWP_BYTE_BLOB_TYPE:
      text_add_bytes(text, "value", value->byteBlob->data, value->byteBlob->size);
      break;
    case FWP_SECURITY_DESCRIPTOR_TYPE:
      text_add(text, "\"valid\":%d,", IsValidSecurityDescriptor(value->sd->data));
      text_add_bytes(text, "value", value->sd->data, value->sd->size);
      break;
    case FWP_V6_ADDR_MASK:
      text_add(text, "\"length\":%u,", value->v6AddrMask->prefixLength);
      text_add_bytes(text, "value", value->v6AddrMask->addr, 16);
      break;
    default:
      text_add(text, "\"value\":null");
  }
}

static void describe_condition(struct text *text, const FWPM_FILTER_CONDITION0 *condition) {
  text_add(text, "{");
  text_add_guid(text, "fieldKey", &condition->fieldKey);
  text_add(text, "\"matchType\":%d,", (int)condition->matchType);
  describe_value(text, &condition->conditionValue);
  text_add(text, "}");
}

static void describe_display_data(struct text *text, const FWPM_DISPLAY_DATA0 *data) {
  text_add_wide(text, "name", data->name);
  text_add_wide(text, "description", data->description);
}

void describe_filter(struct text *text, const FWPM_FILTER0 *filter, UINT64 id) {
  text_add(text, "{\"id\":%llu,", (unsigned long long)id);
  text_add_guid(text, "filterKey", &filter->filterKey);
  describe_display_data(text, &filter->displayData);
  text_add(text, "\"flags\":%u,", filter->flags);
  text_add_guid(text, "providerKey", filter->providerKey);
  text_add(text, "\"providerData\":%u,", filter->providerData.size);
  text_add_guid(text, "layerKey", &filter->layerKey);
  text_add_guid(text, "subLayerKey", &filter->subLayerKey);
  text_add(text, "\"weightType\":%d,", (int)filter->weight.type);
  text_add(text, "\"weight\":%u,", filter->weight.uint8);
  text_add(text, "\"action\":%u,", (unsigned int)filter->action.type);
  text_add(text, "\"rawContext\":%llu,", (unsigned long long)filter->rawContext);
  text_add(text, "\"reserved\":%d,", filter->reserved != NULL);
  text_add(text, "\"effectiveWeight\":%d,", (int)filter->effectiveWeight.type);
  text_add(text, "\"conditions\":[");
  for (UINT32 i = 0; i < filter->numFilterConditions; i++) {
    if (i > 0) text_add(text, ",");
    describe_condition(text, &filter->filterCondition[i]);
  }
  text_add(text, "]}");
}

void describe_session(struct text *text, const FWPM_SESSION0 *session) {
  text_add(text, "{");
  text_add_guid(text, "sessionKey", &session->sessionKey);
  describe_display_data(text, &session->displayData);
  text_add_wide(text, "username", session->username);
  text_add(text, "\"sid\":%d,\"kernelMode\":%d,", session->sid != NULL, session->kernelMode);
  text_add(text, "\"processId\":%lu,\"flags\":%u,", session->processId, session->flags);
  text_add(text, "\"txnWaitTimeoutInMSec\":%u}", session->txnWaitTimeoutInMSec);
}

void describe_provider(struct text *text, const FWPM_PROVIDER0 *provider) {
  text_add(text, "{");
  text_add_guid(text, "providerKey", &provider->providerKey);
  describe_display_data(text, &provider->displayData);
  text_add_wide(text, "serviceName", provider->serviceName);
  text_add(text, "\"providerData\":%u,", provider->providerData.size);
  text_add(text, "\"flags\":%u}", provider->flags);
}

void describe_sublayer(struct text *text, const FWPM_SUBLAYER0 *sublayer) {
  text_add(text, "{");
  text_add_guid(text, "subLayerKey", &sublayer->subLayerKey);
  describe_display_data(text, &sublayer->displayData);
  text_add_guid(text, "providerKey", sublayer->providerKey);
  text_add(text, "\"providerData\":%u,\"flags\":%u,", sublayer->providerData.size,
           (unsigned int)sublayer->flags);
  text_add(text, "\"weight\":%u}", sublayer->weight);
}
