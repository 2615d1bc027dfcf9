#include "double.h"

#include <stdlib.h>
#include <string.h>

#define ILLEGAL 0xffffffff

EXPORT VOID WINAPI InitializeIpForwardEntry(PMIB_IPFORWARD_ROW2 row) {
  memset(row, 0, sizeof *row);
  row->SitePrefixLength = 255;
  row->ValidLifetime = ILLEGAL;
  row->PreferredLifetime = ILLEGAL;
  row->Metric = ILLEGAL;
  row->Protocol = MIB_IPPROTO_NETMGMT;
  row->Loopback = TRUE;
  row->AutoconfigureAddress = TRUE;
  row->Publish = FALSE;
  row->Immortal = TRUE;
}

static DWORD check_route(const MIB_IPFORWARD_ROW2 *row) {
  const IP_ADDRESS_PREFIX *prefix = &row->DestinationPrefix;
  if (prefix->Prefix.si_family != AF_INET && prefix->Prefix.si_family != AF_INET6)
    return ERROR_INVALID_PARAMETER;
  if (prefix->PrefixLength > address_bits(&prefix->Prefix)) return ERROR_INVALID_PARAMETER;
  SOCKADDR_INET masked = prefix->Prefix;
  mask_address(&masked, prefix->PrefixLength);
  if (!same_address(&masked, &prefix->Prefix)) return ERROR_INVALID_PARAMETER;
  if (row->NextHop.si_family != prefix->Prefix.si_family) return ERROR_INVALID_PARAMETER;
  if (row->Metric == ILLEGAL) return ERROR_INVALID_PARAMETER;
  if (row->PreferredLifetime > row->ValidLifetime) return ERROR_INVALID_PARAMETER;
  if (find_ip_interface(row->InterfaceLuid, prefix->Prefix.si_family) == NULL)
    return ERROR_NOT_FOUND;
  return NO_ERROR;
}

static void log_route(const char *function, const MIB_IPFORWARD_ROW2 *row, DWORD result) {
  struct json *json = log_begin(function);
  json_luid(json, "InterfaceLuid", row->InterfaceLuid);
  json_number(json, "InterfaceIndex", row->InterfaceIndex);
  json_address(json, "DestinationPrefix", &row->DestinationPrefix.Prefix);
  json_number(json, "PrefixLength", row->DestinationPrefix.PrefixLength);
  json_address(json, "NextHop", &row->NextHop);
  json_number(json, "SitePrefixLength", row->SitePrefixLength);
  json_number(json, "ValidLifetime", row->ValidLifetime);
  json_number(json, "PreferredLifetime", row->PreferredLifetime);
  json_number(json, "Metric", row->Metric);
  json_number(json, "Protocol", (uint64_t)row->Protocol);
  json_number(json, "Loopback", row->Loopback);
  json_number(json, "AutoconfigureAddress", row->AutoconfigureAddress);
  json_number(json, "Publish", row->Publish);
  json_number(json, "Immortal", row->Immortal);
  json_number(json, "Age", row->Age);
  json_number(json, "Origin", (uint64_t)row->Origin);
  log_end(json, result);
}

EXPORT NETIO_STATUS WINAPI CreateIpForwardEntry2(const MIB_IPFORWARD_ROW2 *row) {
  DWORD result = injected_error("CreateIpForwardEntry2");
  AcquireSRWLockExclusive(&model.lock);
  if (result == 0) result = check_route(row);
  if (result == 0) result = add_route(row);
  ReleaseSRWLockExclusive(&model.lock);
  log_route("CreateIpForwardEntry2", row, result);
  return result;
}

EXPORT NETIO_STATUS WINAPI DeleteIpForwardEntry2(const MIB_IPFORWARD_ROW2 *row) {
  DWORD result = injected_error("DeleteIpForwardEntry2");
  AcquireSRWLockExclusive(&model.lock);
  if (result == 0) result = remove_route(row);
  ReleaseSRWLockExclusive(&model.lock);
  log_route("DeleteIpForwardEntry2", row, result);
  return result;
}

EXPORT NETIO_STATUS WINAPI GetIpForwardTable2(ADDRESS_FAMILY family, PMIB_IPFORWARD_TABLE2 *table) {
  DWORD error = injected_error("GetIpForwardTable2");
  if (error != 0) return error;
  if (family != AF_UNSPEC) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockShared(&model.lock);
  *table = malloc(sizeof **table + MAX_ROWS * sizeof *(*table)->Table);
  (*table)->NumEntries = model.route_count;
  memcpy((*table)->Table, model.routes, model.route_count * sizeof *model.routes);
  ReleaseSRWLockShared(&model.lock);
  return NO_ERROR;
}
