/* The whole network as text, for tests to compare. */
#include "double.h"

static void write_ip_interface(struct json *json, const char *name,
                               const struct ip_interface *owner) {
  if (!owner->is_present) return;
  json_open(json, name, '{');
  json_number(json, "mtu", owner->row.NlMtu);
  json_number(json, "metric", owner->row.Metric);
  json_number(json, "automaticMetric", owner->row.UseAutomaticMetric);
  json_number(json, "dadTransmits", owner->row.DadTransmits);
  json_number(json, "routerDiscovery", (uint64_t)owner->row.RouterDiscoveryBehavior);
  json_wide(json, "dns", owner->dns_servers);
  json_wide(json, "search", owner->dns_search);
  json_close(json, '}');
}

static void write_interface(struct json *json, const struct net_interface *owner) {
  json_open(json, NULL, '{');
  json_luid(json, "luid", owner->luid);
  json_wide(json, "alias", owner->alias);
  json_number(json, "up", owner->is_up);
  write_ip_interface(json, "ipv4", &owner->ipv4);
  write_ip_interface(json, "ipv6", &owner->ipv6);
  json_close(json, '}');
}

static void write_route(struct json *json, const MIB_IPFORWARD_ROW2 *row) {
  json_open(json, NULL, '{');
  json_luid(json, "luid", row->InterfaceLuid);
  json_address(json, "destination", &row->DestinationPrefix.Prefix);
  json_number(json, "length", row->DestinationPrefix.PrefixLength);
  json_address(json, "nextHop", &row->NextHop);
  json_number(json, "metric", row->Metric);
  json_number(json, "protocol", (uint64_t)row->Protocol);
  json_close(json, '}');
}

EXPORT uint32_t DoubleState(char *buffer, uint32_t size) {
  AcquireSRWLockShared(&model.lock);
  struct json json = {0};
  json_open(&json, NULL, '{');
  json_open(&json, "interfaces", '[');
  for (size_t i = 0; i < MAX_INTERFACES; i++)
    if (model.interfaces[i].is_used) write_interface(&json, &model.interfaces[i]);
  json_close(&json, ']');
  json_open(&json, "addresses", '[');
  for (ULONG i = 0; i < model.address_count; i++) {
    json_open(&json, NULL, '{');
    json_luid(&json, "luid", model.addresses[i].InterfaceLuid);
    json_address(&json, "address", &model.addresses[i].Address);
    json_number(&json, "length", model.addresses[i].OnLinkPrefixLength);
    json_close(&json, '}');
  }
  json_close(&json, ']');
  json_open(&json, "routes", '[');
  for (ULONG i = 0; i < model.route_count; i++) write_route(&json, &model.routes[i]);
  json_close(&json, ']');
  json_close(&json, '}');
  ReleaseSRWLockShared(&model.lock);
  uint32_t length = json_copy(&json, buffer, size);
  json_free(&json);
  return length;
}
