#include "double.h"

#include <stdlib.h>
#include <string.h>

EXPORT NETIO_STATUS WINAPI GetIfEntry2(PMIB_IF_ROW2 row) {
  DWORD error = injected_error("GetIfEntry2");
  if (error != 0) return error;
  AcquireSRWLockShared(&model.lock);
  const struct net_interface *owner = find_interface(row->InterfaceLuid);
  if (owner != NULL) {
    memset(row, 0, sizeof *row);
    row->InterfaceLuid = owner->luid;
    row->InterfaceIndex = owner->index;
    row->InterfaceGuid = owner->guid;
    wcscpy(row->Alias, owner->alias);
    row->Mtu = owner->mtu;
    row->OperStatus = owner->is_up ? IfOperStatusUp : IfOperStatusDown;
  }
  ReleaseSRWLockShared(&model.lock);
  return owner == NULL ? ERROR_FILE_NOT_FOUND : NO_ERROR;
}

EXPORT VOID WINAPI InitializeIpInterfaceEntry(PMIB_IPINTERFACE_ROW row) {
  memset(row, 0, sizeof *row);
  row->UseAutomaticMetric = TRUE;
}

EXPORT NETIO_STATUS WINAPI GetIpInterfaceEntry(PMIB_IPINTERFACE_ROW row) {
  DWORD error = injected_error("GetIpInterfaceEntry");
  if (error != 0) return error;
  if (row->Family != AF_INET && row->Family != AF_INET6) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockShared(&model.lock);
  const struct ip_interface *found = find_ip_interface(row->InterfaceLuid, row->Family);
  if (found != NULL) *row = found->row;
  ReleaseSRWLockShared(&model.lock);
  return found == NULL ? ERROR_NOT_FOUND : NO_ERROR;
}

static DWORD set_ip_interface(const MIB_IPINTERFACE_ROW *row) {
  struct ip_interface *found = find_ip_interface(row->InterfaceLuid, row->Family);
  if (found == NULL) return ERROR_NOT_FOUND;
  if (row->Family == AF_INET && row->SitePrefixLength != 0) return ERROR_INVALID_PARAMETER;
  if (row->Family == AF_INET6 && row->NlMtu < 1280) return ERROR_INVALID_PARAMETER;
  if (row->NlMtu > find_interface(row->InterfaceLuid)->mtu) return ERROR_INVALID_PARAMETER;
  ULONG site_prefix_length = found->row.SitePrefixLength;
  found->row = *row;
  found->row.SitePrefixLength = site_prefix_length;
  announce_change();
  return NO_ERROR;
}

EXPORT NETIO_STATUS WINAPI SetIpInterfaceEntry(PMIB_IPINTERFACE_ROW row) {
  DWORD error = injected_error("SetIpInterfaceEntry");
  if (error == 0) {
    AcquireSRWLockExclusive(&model.lock);
    error = set_ip_interface(row);
    ReleaseSRWLockExclusive(&model.lock);
  }
  struct json *json = log_begin("SetIpInterfaceEntry");
  json_number(json, "Family", row->Family);
  json_luid(json, "InterfaceLuid", row->InterfaceLuid);
  json_number(json, "InterfaceIndex", row->InterfaceIndex);
  json_number(json, "UseAutomaticMetric", row->UseAutomaticMetric);
  json_number(json, "ManagedAddressConfigurationSupported",
              row->ManagedAddressConfigurationSupported);
  json_number(json, "OtherStatefulConfigurationSupported",
              row->OtherStatefulConfigurationSupported);
  json_number(json, "RouterDiscoveryBehavior", (uint64_t)row->RouterDiscoveryBehavior);
  json_number(json, "DadTransmits", row->DadTransmits);
  json_number(json, "SitePrefixLength", row->SitePrefixLength);
  json_number(json, "Metric", row->Metric);
  json_number(json, "NlMtu", row->NlMtu);
  json_number(json, "Connected", row->Connected);
  log_end(json, error);
  return error;
}

EXPORT NETIO_STATUS WINAPI ConvertInterfaceAliasToLuid(const WCHAR *alias, PNET_LUID luid) {
  for (size_t i = 0; i < MAX_INTERFACES; i++)
    if (model.interfaces[i].is_used && wcscmp(model.interfaces[i].alias, alias) == 0) {
      *luid = model.interfaces[i].luid;
      return NO_ERROR;
    }
  return ERROR_INVALID_PARAMETER;
}

EXPORT NETIO_STATUS WINAPI ConvertInterfaceIndexToLuid(NET_IFINDEX index, PNET_LUID luid) {
  for (size_t i = 0; i < MAX_INTERFACES; i++)
    if (model.interfaces[i].is_used && model.interfaces[i].index == index) {
      *luid = model.interfaces[i].luid;
      return NO_ERROR;
    }
  return ERROR_FILE_NOT_FOUND;
}

EXPORT NETIO_STATUS WINAPI ConvertInterfaceLuidToIndex(const NET_LUID *luid, PNET_IFINDEX index) {
  const struct net_interface *found = find_interface(*luid);
  if (found == NULL) return ERROR_FILE_NOT_FOUND;
  *index = found->index;
  return NO_ERROR;
}

EXPORT NETIO_STATUS WINAPI ConvertInterfaceLuidToGuid(const NET_LUID *luid, GUID *guid) {
  const struct net_interface *found = find_interface(*luid);
  if (found == NULL) return ERROR_FILE_NOT_FOUND;
  *guid = found->guid;
  return NO_ERROR;
}

EXPORT NETIO_STATUS WINAPI ConvertInterfaceGuidToLuid(const GUID *guid, PNET_LUID luid) {
  for (size_t i = 0; i < MAX_INTERFACES; i++)
    if (model.interfaces[i].is_used &&
        memcmp(&model.interfaces[i].guid, guid, sizeof *guid) == 0) {
      *luid = model.interfaces[i].luid;
      return NO_ERROR;
    }
  return ERROR_FILE_NOT_FOUND;
}

EXPORT VOID WINAPI FreeMibTable(PVOID memory) {
  free(memory);
}
