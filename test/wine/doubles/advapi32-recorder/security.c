#include "recorder.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <string.h>

// What Wine makes of a Unix file has neither its owner nor its rights.
static const wchar_t FOR_ADMINISTRATORS[] = L"O:BAG:BAD:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)";

static wchar_t other_path[MAX_PATH];
static wchar_t other_security[512];
static DWORD elevated = 1;

void set_security(const wchar_t *path, const wchar_t *sddl) {
  wcsncpy(other_path, path, MAX_PATH - 1);
  wcsncpy(other_security, sddl, 511);
}

void set_elevated(DWORD value) { elevated = value; }

DWORD WINAPI answered_named_security_info(const wchar_t *path, SE_OBJECT_TYPE type,
                                          SECURITY_INFORMATION parts, PSID *owner, PSID *group,
                                          PACL *dacl, PACL *sacl, PSECURITY_DESCRIPTOR *answer) {
  if (type != SE_FILE_OBJECT || parts != (OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION))
    return ERROR_INVALID_PARAMETER;
  if (owner != NULL || group != NULL || dacl != NULL || sacl != NULL) return ERROR_INVALID_PARAMETER;
  if (GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES) return ERROR_FILE_NOT_FOUND;
  const wchar_t *sddl = _wcsicmp(path, other_path) == 0 ? other_security : FOR_ADMINISTRATORS;
  if (ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, 1, answer, NULL)) return 0;
  return GetLastError();
}

static const char *allowed(ACL *dacl) {
  static char text[512];
  text[0] = 0;
  for (DWORD index = 0; dacl != NULL && index < dacl->AceCount; index += 1) {
    ACCESS_ALLOWED_ACE *ace;
    char *account;
    if (!GetAce(dacl, index, (void **)&ace)) break;
    if (!ConvertSidToStringSidA((PSID)&ace->SidStart, &account)) break;
    strcat(text, " ");
    strncat(text, account, 60);
    LocalFree(account);
  }
  return text;
}

DWORD WINAPI recorded_set_named_security_info(wchar_t *path, SE_OBJECT_TYPE type,
                                              SECURITY_INFORMATION parts, PSID owner, PSID group,
                                              PACL dacl, PACL sacl) {
  record("SetNamedSecurityInfoW %ls type=%d parts=%lx owner=%s group=%s sacl=%s allows%s", path,
         (int)type, parts, owner == NULL ? "none" : "some", group == NULL ? "none" : "some",
         sacl == NULL ? "none" : "some", allowed(dacl));
  return ERROR_SUCCESS;
}

BOOL WINAPI answered_token_information(HANDLE token, TOKEN_INFORMATION_CLASS what, void *into,
                                       DWORD size, DWORD *needed) {
  if (what != TokenElevation) return GetTokenInformation(token, what, into, size, needed);
  if (size < sizeof(TOKEN_ELEVATION)) return FALSE;
  ((TOKEN_ELEVATION *)into)->TokenIsElevated = elevated;
  *needed = sizeof(TOKEN_ELEVATION);
  return TRUE;
}

BOOL WINAPI recorded_set_token_information(HANDLE token, TOKEN_INFORMATION_CLASS what, void *from,
                                           DWORD size) {
  char *account;
  (void)token;
  if (what != TokenOwner || size != sizeof(TOKEN_OWNER)) return FALSE;
  if (!ConvertSidToStringSidA(((TOKEN_OWNER *)from)->Owner, &account)) return FALSE;
  record("SetTokenInformation TokenOwner %s", account);
  LocalFree(account);
  return TRUE;
}
