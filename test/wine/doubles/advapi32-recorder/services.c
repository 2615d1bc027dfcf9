#include "recorder.h"

#include <stdio.h>

SC_HANDLE WINAPI recorded_create_service(SC_HANDLE manager, const wchar_t *name,
                                         const wchar_t *display, DWORD access, DWORD type,
                                         DWORD start, DWORD error, const wchar_t *command,
                                         const wchar_t *group, DWORD *tag,
                                         const wchar_t *dependencies, const wchar_t *account,
                                         const wchar_t *password) {
  record("CreateServiceW name=%ls display=%ls type=%lu start=%lu error=%lu", name, display, type,
         start, error);
  record("  command=%ls", command);
  record("  dependencies=%s account=%ls group=%ls", joined(dependencies),
         account == NULL ? L"SYSTEM" : account, group == NULL ? L"none" : group);
  return CreateServiceW(manager, name, display, access, type, start, error, command, group, tag,
                        dependencies, account, password);
}

static void record_failure_actions(const SERVICE_FAILURE_ACTIONSW *actions) {
  record("SERVICE_FAILURE_ACTIONSW reset=%lu reboot=%s command=%s", actions->dwResetPeriod,
         actions->lpRebootMsg == NULL ? "none" : "some",
         actions->lpCommand == NULL ? "none" : "some");
  for (DWORD index = 0; index < actions->cActions; index += 1)
    record("  action type=%d delay=%lu", (int)actions->lpsaActions[index].Type,
           actions->lpsaActions[index].Delay);
}

static void record_config(DWORD level, void *info) {
  switch (level) {
  case SERVICE_CONFIG_DESCRIPTION:
    record("SERVICE_DESCRIPTIONW %ls", ((SERVICE_DESCRIPTIONW *)info)->lpDescription);
    break;
  case SERVICE_CONFIG_FAILURE_ACTIONS:
    record_failure_actions(info);
    break;
  case SERVICE_CONFIG_FAILURE_ACTIONS_FLAG:
    record("SERVICE_FAILURE_ACTIONS_FLAG %d",
           ((SERVICE_FAILURE_ACTIONS_FLAG *)info)->fFailureActionsOnNonCrashFailures);
    break;
  case SERVICE_CONFIG_SERVICE_SID_INFO:
    record("SERVICE_SID_INFO %lu", ((SERVICE_SID_INFO *)info)->dwServiceSidType);
    break;
  case SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO:
    record("SERVICE_REQUIRED_PRIVILEGES_INFOW %s",
           joined(((SERVICE_REQUIRED_PRIVILEGES_INFOW *)info)->pmszRequiredPrivileges));
    break;
  case SERVICE_CONFIG_DELAYED_AUTO_START_INFO:
    record("SERVICE_DELAYED_AUTO_START_INFO %d",
           ((SERVICE_DELAYED_AUTO_START_INFO *)info)->fDelayedAutostart);
    break;
  default:
    record("level %lu is unknown", level);
  }
}

// Wine refuses the levels that it does not know, which Windows takes.
BOOL WINAPI recorded_change_service_config(SC_HANDLE service, DWORD level, void *info) {
  record_config(level, info);
  if (ChangeServiceConfig2W(service, level, info)) return TRUE;
  return GetLastError() == ERROR_INVALID_LEVEL;
}

BOOL WINAPI recorded_report_event(HANDLE log, WORD type, WORD category, DWORD event, void *user,
                                  WORD count, DWORD size, const wchar_t **strings, void *data) {
  record("ReportEventW type=%u category=%u event=%lu strings=%u bytes=%lu user=%s data=%s: %ls",
         type, category, event, count, size, user == NULL ? "none" : "some",
         data == NULL ? "none" : "some", count > 0 ? strings[0] : L"");
  return log != NULL;
}

LSTATUS WINAPI recorded_registry_value(HKEY key, const wchar_t *name, DWORD reserved, DWORD type,
                                       const BYTE *data, DWORD size) {
  if (type == REG_DWORD)
    record("RegSetValueExW %ls REG_DWORD %lu", name, *(const DWORD *)data);
  else
    record("RegSetValueExW %ls type=%lu %ls", name, type, (const wchar_t *)data);
  return RegSetValueExW(key, name, reserved, type, data, size);
}
