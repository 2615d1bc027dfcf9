/* What MinGW's netioapi.h lacks: DNS_INTERFACE_SETTINGS, as Microsoft's documentation has it. */
#ifndef DNS_SETTINGS_H
#define DNS_SETTINGS_H

#include <windows.h>

#define DNS_INTERFACE_SETTINGS_VERSION1 1
#define DNS_SETTING_IPV6 0x0001
#define DNS_SETTING_NAMESERVER 0x0002
#define DNS_SETTING_SEARCHLIST 0x0004

typedef struct {
  ULONG Version;
  ULONG64 Flags;
  PWSTR Domain;
  PWSTR NameServer;
  PWSTR SearchList;
  ULONG RegistrationEnabled;
  ULONG RegisterAdapterName;
  ULONG EnableLLMNR;
  ULONG QueryAdapterName;
  PWSTR ProfileNameServer;
} DNS_INTERFACE_SETTINGS;

#endif
