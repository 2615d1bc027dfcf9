#include "double.h"

#include "dns_settings.h"

#include <string.h>

static DWORD set_dns(const GUID *guid, const DNS_INTERFACE_SETTINGS *settings) {
  NET_LUID luid;
  if (settings->Version != DNS_INTERFACE_SETTINGS_VERSION1) return ERROR_INVALID_PARAMETER;
  if (ConvertInterfaceGuidToLuid(guid, &luid) != NO_ERROR) return ERROR_FILE_NOT_FOUND;
  ADDRESS_FAMILY family = settings->Flags & DNS_SETTING_IPV6 ? AF_INET6 : AF_INET;
  struct ip_interface *found = find_ip_interface(luid, family);
  if (found == NULL) return ERROR_NOT_FOUND;
  if (settings->Flags & DNS_SETTING_NAMESERVER)
    wcsncpy(found->dns_servers, settings->NameServer, MAX_DNS_TEXT - 1);
  if (settings->Flags & DNS_SETTING_SEARCHLIST)
    wcsncpy(found->dns_search, settings->SearchList, MAX_DNS_TEXT - 1);
  return NO_ERROR;
}

EXPORT DWORD WINAPI SetInterfaceDnsSettings(GUID guid, const DNS_INTERFACE_SETTINGS *settings) {
  DWORD result = injected_error("SetInterfaceDnsSettings");
  AcquireSRWLockExclusive(&model.lock);
  if (result == 0) result = set_dns(&guid, settings);
  ReleaseSRWLockExclusive(&model.lock);
  struct json *json = log_begin("SetInterfaceDnsSettings");
  json_number(json, "Interface", guid.Data1);
  json_number(json, "Version", settings->Version);
  json_number(json, "Flags", settings->Flags);
  json_wide(json, "Domain", settings->Domain);
  json_wide(json, "NameServer", settings->NameServer);
  json_wide(json, "SearchList", settings->SearchList);
  json_number(json, "RegistrationEnabled", settings->RegistrationEnabled);
  json_number(json, "RegisterAdapterName", settings->RegisterAdapterName);
  json_number(json, "EnableLLMNR", settings->EnableLLMNR);
  json_number(json, "QueryAdapterName", settings->QueryAdapterName);
  json_wide(json, "ProfileNameServer", settings->ProfileNameServer);
  log_end(json, result);
  return result;
}
