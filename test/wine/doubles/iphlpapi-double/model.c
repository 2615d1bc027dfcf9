/* The network, and what tests do to it. */
#include "double.h"

#include <string.h>

struct model model = {.lock = SRWLOCK_INIT};

struct net_interface *find_interface(NET_LUID luid) {
  for (size_t i = 0; i < MAX_INTERFACES; i++)
    if (model.interfaces[i].is_used && model.interfaces[i].luid.Value == luid.Value)
      return &model.interfaces[i];
  return NULL;
}

struct ip_interface *find_ip_interface(NET_LUID luid, ADDRESS_FAMILY family) {
  struct net_interface *owner = find_interface(luid);
  if (owner == NULL) return NULL;
  struct ip_interface *found = family == AF_INET ? &owner->ipv4 : &owner->ipv6;
  return found->is_present ? found : NULL;
}

static ULONG find_route(const MIB_IPFORWARD_ROW2 *row) {
  ULONG i = 0;
  for (; i < model.route_count; i++) {
    const MIB_IPFORWARD_ROW2 *other = &model.routes[i];
    if (other->InterfaceLuid.Value == row->InterfaceLuid.Value &&
        other->DestinationPrefix.PrefixLength == row->DestinationPrefix.PrefixLength &&
        same_address(&other->DestinationPrefix.Prefix, &row->DestinationPrefix.Prefix) &&
        same_address(&other->NextHop, &row->NextHop))
      break;
  }
  return i;
}

DWORD add_route(const MIB_IPFORWARD_ROW2 *row) {
  if (find_route(row) < model.route_count) return ERROR_OBJECT_ALREADY_EXISTS;
  if (model.route_count == MAX_ROWS) return ERROR_NOT_ENOUGH_MEMORY;
  MIB_IPFORWARD_ROW2 *added = &model.routes[model.route_count++];
  *added = *row;
  added->InterfaceIndex = find_interface(row->InterfaceLuid)->index;
  announce_change();
  return NO_ERROR;
}

DWORD remove_route(const MIB_IPFORWARD_ROW2 *row) {
  ULONG found = find_route(row);
  if (found == model.route_count) return ERROR_NOT_FOUND;
  model.route_count--;
  memmove(&model.routes[found], &model.routes[found + 1],
          (model.route_count - found) * sizeof *model.routes);
  announce_change();
  return NO_ERROR;
}

/* As Windows makes it with an address. */
static MIB_IPFORWARD_ROW2 on_link_route(const MIB_UNICASTIPADDRESS_ROW *address) {
  MIB_IPFORWARD_ROW2 row = {0};
  row.InterfaceLuid = address->InterfaceLuid;
  row.DestinationPrefix.Prefix = address->Address;
  row.DestinationPrefix.PrefixLength = address->OnLinkPrefixLength;
  mask_address(&row.DestinationPrefix.Prefix, address->OnLinkPrefixLength);
  row.NextHop.si_family = address->Address.si_family;
  row.Metric = 256;
  row.Protocol = MIB_IPPROTO_LOCAL;
  return row;
}

DWORD add_address(const MIB_UNICASTIPADDRESS_ROW *row) {
  for (ULONG i = 0; i < model.address_count; i++)
    if (same_address(&model.addresses[i].Address, &row->Address))
      return ERROR_OBJECT_ALREADY_EXISTS;
  if (model.address_count == MAX_ROWS) return ERROR_NOT_ENOUGH_MEMORY;
  MIB_UNICASTIPADDRESS_ROW *added = &model.addresses[model.address_count++];
  *added = *row;
  added->InterfaceIndex = find_interface(row->InterfaceLuid)->index;
  MIB_IPFORWARD_ROW2 route = on_link_route(row);
  add_route(&route);
  return NO_ERROR;
}

DWORD remove_address(const MIB_UNICASTIPADDRESS_ROW *row) {
  for (ULONG i = 0; i < model.address_count; i++) {
    MIB_UNICASTIPADDRESS_ROW *found = &model.addresses[i];
    if (found->InterfaceLuid.Value != row->InterfaceLuid.Value) continue;
    if (!same_address(&found->Address, &row->Address)) continue;
    MIB_IPFORWARD_ROW2 route = on_link_route(found);
    remove_route(&route);
    model.address_count--;
    memmove(found, found + 1, (model.address_count - i) * sizeof *found);
    return NO_ERROR;
  }
  return ERROR_NOT_FOUND;
}

static struct ip_interface new_ip_interface(ADDRESS_FAMILY family,
                                            const struct net_interface *owner, ULONG metric) {
  struct ip_interface made = {.is_present = true};
  made.row.Family = family;
  made.row.InterfaceLuid = owner->luid;
  made.row.InterfaceIndex = owner->index;
  made.row.UseAutomaticMetric = TRUE;
  made.row.ManagedAddressConfigurationSupported = TRUE;
  made.row.OtherStatefulConfigurationSupported = TRUE;
  made.row.RouterDiscoveryBehavior = RouterDiscoveryDhcp;
  made.row.DadTransmits = 3;
  /* So it is answered for both families, though IPv4 does not take it back. */
  made.row.SitePrefixLength = 64;
  made.row.Metric = metric;
  made.row.NlMtu = owner->mtu;
  made.row.Connected = TRUE;
  return made;
}

/* `families`: 1 is IPv4, 2 is IPv6, 3 both. */
EXPORT void DoubleAddInterface(uint64_t luid, uint32_t index, const WCHAR *alias, uint32_t mtu,
                               uint32_t metric, uint32_t families) {
  AcquireSRWLockExclusive(&model.lock);
  struct net_interface *added = model.interfaces;
  while (added->is_used) added++;
  *added = (struct net_interface){.is_used = true, .luid.Value = luid, .index = index, .mtu = mtu};
  added->is_up = true;
  added->guid = (GUID){.Data1 = index, .Data2 = 0x1122, .Data3 = 0x3344};
  memcpy(added->guid.Data4, "\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7", 8);
  wcsncpy(added->alias, alias, IF_MAX_STRING_SIZE);
  if (families & 1) added->ipv4 = new_ip_interface(AF_INET, added, metric);
  if (families & 2) added->ipv6 = new_ip_interface(AF_INET6, added, metric);
  ReleaseSRWLockExclusive(&model.lock);
  announce_change();
}

/* Plugged in or not, and its MTU: 0 leaves it. */
EXPORT void DoubleChangeInterface(uint64_t luid, int is_up, uint32_t mtu) {
  AcquireSRWLockExclusive(&model.lock);
  struct net_interface *owner = find_interface((NET_LUID){.Value = luid});
  owner->is_up = is_up != 0;
  if (mtu != 0) owner->mtu = owner->ipv4.row.NlMtu = owner->ipv6.row.NlMtu = mtu;
  ReleaseSRWLockExclusive(&model.lock);
  announce_change();
}

/* The adapter ends, and all that it had. */
EXPORT void DoubleRemoveInterface(uint64_t luid) {
  AcquireSRWLockExclusive(&model.lock);
  struct net_interface *owner = find_interface((NET_LUID){.Value = luid});
  if (owner != NULL) owner->is_used = false;
  for (ULONG i = model.address_count; i-- > 0;) {
    MIB_UNICASTIPADDRESS_ROW row = model.addresses[i];
    if (row.InterfaceLuid.Value == luid) remove_address(&row);
  }
  for (ULONG i = model.route_count; i-- > 0;) {
    MIB_IPFORWARD_ROW2 row = model.routes[i];
    if (row.InterfaceLuid.Value == luid) remove_route(&row);
  }
  ReleaseSRWLockExclusive(&model.lock);
  announce_change();
}

EXPORT DWORD DoubleAddAddress(uint64_t luid, const char *address, uint32_t length) {
  MIB_UNICASTIPADDRESS_ROW row = {.InterfaceLuid.Value = luid, .OnLinkPrefixLength = (UINT8)length};
  if (!parse_address(address, &row.Address)) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockExclusive(&model.lock);
  DWORD result = add_address(&row);
  ReleaseSRWLockExclusive(&model.lock);
  return result;
}

static bool test_route(MIB_IPFORWARD_ROW2 *row, uint64_t luid, const char *destination,
                       uint32_t length, const char *next_hop) {
  *row = (MIB_IPFORWARD_ROW2){.InterfaceLuid.Value = luid, .Protocol = MIB_IPPROTO_NETMGMT};
  row->DestinationPrefix.PrefixLength = (UINT8)length;
  return parse_address(destination, &row->DestinationPrefix.Prefix) &&
         parse_address(next_hop, &row->NextHop);
}

EXPORT DWORD DoubleAddRoute(uint64_t luid, const char *destination, uint32_t length,
                            const char *next_hop, uint32_t metric) {
  MIB_IPFORWARD_ROW2 row;
  if (!test_route(&row, luid, destination, length, next_hop)) return ERROR_INVALID_PARAMETER;
  row.Metric = metric;
  AcquireSRWLockExclusive(&model.lock);
  DWORD result = add_route(&row);
  ReleaseSRWLockExclusive(&model.lock);
  return result;
}

EXPORT DWORD DoubleRemoveRoute(uint64_t luid, const char *destination, uint32_t length,
                               const char *next_hop) {
  MIB_IPFORWARD_ROW2 row;
  if (!test_route(&row, luid, destination, length, next_hop)) return ERROR_INVALID_PARAMETER;
  AcquireSRWLockExclusive(&model.lock);
  DWORD result = remove_route(&row);
  ReleaseSRWLockExclusive(&model.lock);
  return result;
}

/* Everything is as at the start. */
EXPORT void DoubleReset(void) {
  AcquireSRWLockExclusive(&model.lock);
  memset(model.interfaces, 0, sizeof model.interfaces);
  model.address_count = 0;
  model.route_count = 0;
  ReleaseSRWLockExclusive(&model.lock);
}
