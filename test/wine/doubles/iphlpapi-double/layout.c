/* Where the compiler puts each field, from the true headers. */
#include "double.h"

#include "dns_settings.h"

#include <stddef.h>

#define FIELD(type, field) json_number(json, #field, offsetof(type, field))
#define NAMED(type, field, name) json_number(json, name, offsetof(type, field))

static void addresses(struct json *json) {
  json_open(json, "SOCKADDR_INET", '{');
  json_number(json, "size", sizeof(SOCKADDR_INET));
  FIELD(SOCKADDR_INET, si_family);
  NAMED(SOCKADDR_INET, Ipv4.sin_addr, "sin_addr");
  NAMED(SOCKADDR_INET, Ipv6.sin6_addr, "sin6_addr");
  NAMED(SOCKADDR_INET, Ipv6.sin6_scope_id, "sin6_scope_id");
  json_close(json, '}');
  json_open(json, "MIB_UNICASTIPADDRESS_ROW", '{');
  json_number(json, "size", sizeof(MIB_UNICASTIPADDRESS_ROW));
  FIELD(MIB_UNICASTIPADDRESS_ROW, Address);
  FIELD(MIB_UNICASTIPADDRESS_ROW, InterfaceLuid);
  FIELD(MIB_UNICASTIPADDRESS_ROW, InterfaceIndex);
  FIELD(MIB_UNICASTIPADDRESS_ROW, PrefixOrigin);
  FIELD(MIB_UNICASTIPADDRESS_ROW, SuffixOrigin);
  FIELD(MIB_UNICASTIPADDRESS_ROW, ValidLifetime);
  FIELD(MIB_UNICASTIPADDRESS_ROW, PreferredLifetime);
  FIELD(MIB_UNICASTIPADDRESS_ROW, OnLinkPrefixLength);
  FIELD(MIB_UNICASTIPADDRESS_ROW, SkipAsSource);
  FIELD(MIB_UNICASTIPADDRESS_ROW, DadState);
  FIELD(MIB_UNICASTIPADDRESS_ROW, ScopeId);
  FIELD(MIB_UNICASTIPADDRESS_ROW, CreationTimeStamp);
  json_close(json, '}');
}

static void routes(struct json *json) {
  json_open(json, "MIB_IPFORWARD_ROW2", '{');
  json_number(json, "size", sizeof(MIB_IPFORWARD_ROW2));
  FIELD(MIB_IPFORWARD_ROW2, InterfaceLuid);
  FIELD(MIB_IPFORWARD_ROW2, InterfaceIndex);
  FIELD(MIB_IPFORWARD_ROW2, DestinationPrefix);
  NAMED(MIB_IPFORWARD_ROW2, DestinationPrefix.PrefixLength, "PrefixLength");
  FIELD(MIB_IPFORWARD_ROW2, NextHop);
  FIELD(MIB_IPFORWARD_ROW2, SitePrefixLength);
  FIELD(MIB_IPFORWARD_ROW2, ValidLifetime);
  FIELD(MIB_IPFORWARD_ROW2, PreferredLifetime);
  FIELD(MIB_IPFORWARD_ROW2, Metric);
  FIELD(MIB_IPFORWARD_ROW2, Protocol);
  FIELD(MIB_IPFORWARD_ROW2, Loopback);
  FIELD(MIB_IPFORWARD_ROW2, AutoconfigureAddress);
  FIELD(MIB_IPFORWARD_ROW2, Publish);
  FIELD(MIB_IPFORWARD_ROW2, Immortal);
  FIELD(MIB_IPFORWARD_ROW2, Age);
  FIELD(MIB_IPFORWARD_ROW2, Origin);
  json_close(json, '}');
}

static void interfaces(struct json *json) {
  json_open(json, "MIB_IPINTERFACE_ROW", '{');
  json_number(json, "size", sizeof(MIB_IPINTERFACE_ROW));
  FIELD(MIB_IPINTERFACE_ROW, Family);
  FIELD(MIB_IPINTERFACE_ROW, InterfaceLuid);
  FIELD(MIB_IPINTERFACE_ROW, InterfaceIndex);
  FIELD(MIB_IPINTERFACE_ROW, UseAutomaticMetric);
  FIELD(MIB_IPINTERFACE_ROW, ManagedAddressConfigurationSupported);
  FIELD(MIB_IPINTERFACE_ROW, OtherStatefulConfigurationSupported);
  FIELD(MIB_IPINTERFACE_ROW, RouterDiscoveryBehavior);
  FIELD(MIB_IPINTERFACE_ROW, DadTransmits);
  FIELD(MIB_IPINTERFACE_ROW, SitePrefixLength);
  FIELD(MIB_IPINTERFACE_ROW, Metric);
  FIELD(MIB_IPINTERFACE_ROW, NlMtu);
  FIELD(MIB_IPINTERFACE_ROW, Connected);
  json_close(json, '}');
  json_open(json, "MIB_IF_ROW2", '{');
  json_number(json, "size", sizeof(MIB_IF_ROW2));
  FIELD(MIB_IF_ROW2, InterfaceLuid);
  FIELD(MIB_IF_ROW2, InterfaceIndex);
  FIELD(MIB_IF_ROW2, Alias);
  FIELD(MIB_IF_ROW2, Mtu);
  FIELD(MIB_IF_ROW2, OperStatus);
  json_close(json, '}');
}

static void dns(struct json *json) {
  json_open(json, "DNS_INTERFACE_SETTINGS", '{');
  json_number(json, "size", sizeof(DNS_INTERFACE_SETTINGS));
  FIELD(DNS_INTERFACE_SETTINGS, Version);
  FIELD(DNS_INTERFACE_SETTINGS, Flags);
  FIELD(DNS_INTERFACE_SETTINGS, Domain);
  FIELD(DNS_INTERFACE_SETTINGS, NameServer);
  FIELD(DNS_INTERFACE_SETTINGS, SearchList);
  FIELD(DNS_INTERFACE_SETTINGS, RegistrationEnabled);
  FIELD(DNS_INTERFACE_SETTINGS, RegisterAdapterName);
  FIELD(DNS_INTERFACE_SETTINGS, EnableLLMNR);
  FIELD(DNS_INTERFACE_SETTINGS, QueryAdapterName);
  FIELD(DNS_INTERFACE_SETTINGS, ProfileNameServer);
  json_close(json, '}');
}

EXPORT uint32_t DoubleLayout(char *buffer, uint32_t size) {
  struct json json = {0};
  json_open(&json, NULL, '{');
  json_number(&json, "tableHeader", offsetof(MIB_IPFORWARD_TABLE2, Table));
  json_number(&json, "addressTableHeader", offsetof(MIB_UNICASTIPADDRESS_TABLE, Table));
  json_number(&json, "alias", sizeof(((MIB_IF_ROW2 *)0)->Alias));
  addresses(&json);
  routes(&json);
  interfaces(&json);
  dns(&json);
  json_close(&json, '}');
  uint32_t length = json_copy(&json, buffer, size);
  json_free(&json);
  return length;
}
