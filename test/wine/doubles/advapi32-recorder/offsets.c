#include "recorder.h"

#include <stddef.h>
#include <string.h>
#include <wincrypt.h>

#define SIZE(type) {#type ".size", sizeof(type)}
#define FIELD(type, field) {#type "." #field, offsetof(type, field)}

static const struct {
  const char *name;
  size_t value;
} known[] = {
    SIZE(SERVICE_STATUS),
    FIELD(SERVICE_STATUS, dwServiceType),
    FIELD(SERVICE_STATUS, dwCurrentState),
    FIELD(SERVICE_STATUS, dwControlsAccepted),
    FIELD(SERVICE_STATUS, dwWin32ExitCode),
    FIELD(SERVICE_STATUS, dwServiceSpecificExitCode),
    FIELD(SERVICE_STATUS, dwCheckPoint),
    FIELD(SERVICE_STATUS, dwWaitHint),
    SIZE(SERVICE_STATUS_PROCESS),
    FIELD(SERVICE_STATUS_PROCESS, dwCurrentState),
    FIELD(SERVICE_STATUS_PROCESS, dwWin32ExitCode),
    FIELD(SERVICE_STATUS_PROCESS, dwServiceSpecificExitCode),
    FIELD(SERVICE_STATUS_PROCESS, dwCheckPoint),
    FIELD(SERVICE_STATUS_PROCESS, dwProcessId),
    SIZE(ENUM_SERVICE_STATUS_PROCESSW),
    FIELD(ENUM_SERVICE_STATUS_PROCESSW, lpServiceName),
    FIELD(ENUM_SERVICE_STATUS_PROCESSW, ServiceStatusProcess),
    SIZE(QUERY_SERVICE_CONFIGW),
    FIELD(QUERY_SERVICE_CONFIGW, dwStartType),
    FIELD(QUERY_SERVICE_CONFIGW, lpBinaryPathName),
    SIZE(SERVICE_TABLE_ENTRYW),
    FIELD(SERVICE_TABLE_ENTRYW, lpServiceName),
    FIELD(SERVICE_TABLE_ENTRYW, lpServiceProc),
    SIZE(SERVICE_DESCRIPTIONW),
    FIELD(SERVICE_DESCRIPTIONW, lpDescription),
    SIZE(SERVICE_FAILURE_ACTIONSW),
    FIELD(SERVICE_FAILURE_ACTIONSW, dwResetPeriod),
    FIELD(SERVICE_FAILURE_ACTIONSW, lpRebootMsg),
    FIELD(SERVICE_FAILURE_ACTIONSW, lpCommand),
    FIELD(SERVICE_FAILURE_ACTIONSW, cActions),
    FIELD(SERVICE_FAILURE_ACTIONSW, lpsaActions),
    SIZE(SC_ACTION),
    FIELD(SC_ACTION, Type),
    FIELD(SC_ACTION, Delay),
    SIZE(SERVICE_FAILURE_ACTIONS_FLAG),
    FIELD(SERVICE_FAILURE_ACTIONS_FLAG, fFailureActionsOnNonCrashFailures),
    SIZE(SERVICE_SID_INFO),
    FIELD(SERVICE_SID_INFO, dwServiceSidType),
    SIZE(SERVICE_REQUIRED_PRIVILEGES_INFOW),
    FIELD(SERVICE_REQUIRED_PRIVILEGES_INFOW, pmszRequiredPrivileges),
    SIZE(SERVICE_DELAYED_AUTO_START_INFO),
    FIELD(SERVICE_DELAYED_AUTO_START_INFO, fDelayedAutostart),
    SIZE(DATA_BLOB),
    FIELD(DATA_BLOB, cbData),
    FIELD(DATA_BLOB, pbData),
    SIZE(SECURITY_ATTRIBUTES),
    FIELD(SECURITY_ATTRIBUTES, nLength),
    FIELD(SECURITY_ATTRIBUTES, lpSecurityDescriptor),
};

// Of "TYPE.field", or the size as "TYPE.size"; -1 when it is not known here.
int offset_of(const char *name) {
  for (size_t index = 0; index < sizeof known / sizeof known[0]; index += 1)
    if (strcmp(known[index].name, name) == 0) return (int)known[index].value;
  return -1;
}
