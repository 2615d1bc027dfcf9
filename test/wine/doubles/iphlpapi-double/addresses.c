#include "double.h"

#include <stdlib.h>
#include <string.h>

EXPORT VOID WINAPI InitializeUnicastIpAddressEntry(PMIB_UNICASTIPADDRESS_ROW row) {
  memset(row, 0, sizeof *row);
  row->PrefixOrigin = IpPrefixOriginUnchanged;
  row->SuffixOrigin = IpSuffixOriginUnchanged;
  row->OnLinkPrefixLength = 255;
}

static DWORD check_address(const MIB_UNICASTIPADDRESS_ROW *row) {
  if (row->Address.si_family != AF_INET && row->Address.si_family != AF_INET6)
    return ERROR_INVALID_PARAMETER;
  if (is_address_unspecified(&row->Address)) return ERROR_INVALID_PARAMETER;
  if (row->OnLinkPrefixLength > address_bits(&row->Address)) return ERROR_INVALID_PARAMETER;
  if (row->PreferredLifetime > row->ValidLifetime) return ERROR_INVALID_PARAMETER;
  if (find_ip_interface(row->InterfaceLuid, row->Address.si_family) == NULL) return ERROR_NOT_FOUND;
  return NO_ERROR;
}

static void log_address(const char *function, const MIB_UNICASTIPADDRESS_ROW *row, DWORD result) {
  struct json *json = log_begin(function);
  json_address(json, "Address", &row->Address);
  json_number(json, "Port", row->Address.Ipv6.sin6_port);
  json_luid(json, "InterfaceLuid", row->InterfaceLuid);
  json_number(json, "InterfaceIndex", row->InterfaceIndex);
  json_number(json, "PrefixOrigin", (uint64_t)row->PrefixOrigin);
  json_number(json, "SuffixOrigin", (uint64_t)row->SuffixOrigin);
  json_number(json, "ValidLifetime", row->ValidLifetime);
  json_number(json, "PreferredLifetime", row->PreferredLifetime);
  json_number(json, "OnLinkPrefixLength", row->OnLinkPrefixLength);
  json_number(json, "SkipAsSource", row->SkipAsSource);
  json_number(json, "DadState", (uint64_t)row->DadState);
  json_number(json, "ScopeId", row->ScopeId.Value);
  json_number(json, "CreationTimeStamp", (uint64_t)row->CreationTimeStamp.QuadPart);
  log_end(json, result);
}

EXPORT NETIO_STATUS WINAPI CreateUnicastIpAddressEntry(const MIB_UNICASTIPADDRESS_ROW *row) {
  DWORD result = injected_error("CreateUnicastIpAddressEntry");
  AcquireSRWLockExclusive(&model.lock);
  if (result == 0) result = check_address(row);
  if (result == 0) result = add_address(row);
  ReleaseSRWLockExclusive(&model.lock);
  log_address("CreateUnicastIpAddressEntry", row, result);
  return result;
}

EXPORT NETIO_STATUS WINAPI DeleteUnicastIpAddressEntry(const MIB_UNICASTIPADDRESS_ROW *row) {
  DWORD result = injected_error("DeleteUnicastIpAddressEntry");
  AcquireSRWLockExclusive(&model.lock);
  if (result == 0) result = remove_address(row);
  ReleaseSRWLockExclusive(&model.lock);
  log_address("DeleteUnicastIpAddressEntry", row, result);
  return result;
}

EXPORT NETIO_STATUS WINAPI GetUnicastIpAddressTable(ADDRESS_FAMILY family,
                                                    PMIB_UNICASTIPADDRESS_TABLE *table) {
  DWORD error = injected_error("GetUnicastIpAddressTable");
  if (error != 0) return error;
  if (family != AF_UNSPEC) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockShared(&model.lock);
  *table = malloc(sizeof **table + MAX_ROWS * sizeof *(*table)->Table);
  (*table)->NumEntries = model.address_count;
  memcpy((*table)->Table, model.addresses, model.address_count * sizeof *model.addresses);
  ReleaseSRWLockShared(&model.lock);
  return NO_ERROR;
}
