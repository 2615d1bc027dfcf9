/** The functions of Windows for services. */
import { bindAll } from '../win32.js';

/** A handle of the service control manager; 0 is NULL. */
export type ServiceHandle = number;

export interface ServiceFunctions {
  OpenSCManagerW(machine: null, database: null, access: number): ServiceHandle;
  CloseServiceHandle(handle: ServiceHandle): number;
  CreateServiceW(
    manager: ServiceHandle,
    name: string,
    displayName: string,
    access: number,
    type: number,
    start: number,
    errorControl: number,
    commandLine: string,
    group: null,
    tag: null,
    dependencies: Uint8Array,
    account: null,
    password: null,
  ): ServiceHandle;
  OpenServiceW(manager: ServiceHandle, name: string, access: number): ServiceHandle;
  ChangeServiceConfig2W(service: ServiceHandle, level: number, info: Uint8Array): number;
  QueryServiceConfigW(
    service: ServiceHandle,
    into: Uint8Array | null,
    bytes: number,
    needed: Uint8Array,
  ): number;
  QueryServiceStatusEx(
    service: ServiceHandle,
    level: number,
    into: Uint8Array,
    bytes: number,
    needed: Uint8Array,
  ): number;
  StartServiceW(service: ServiceHandle, count: number, args: null): number;
  ControlService(service: ServiceHandle, control: number, status: Uint8Array): number;
  DeleteService(service: ServiceHandle): number;
  EnumServicesStatusExW(
    manager: ServiceHandle,
    level: number,
    type: number,
    state: number,
    into: Uint8Array | null,
    bytes: number,
    needed: Uint8Array,
    count: Uint8Array,
    resume: Uint8Array,
    group: null,
  ): number;
}

const SIGNATURES: Readonly<Record<keyof ServiceFunctions, string>> = {
  OpenSCManagerW:
    'uintptr_t __stdcall OpenSCManagerW(const char16_t *machine, const char16_t *database, uint32_t access)',
  CloseServiceHandle: 'int __stdcall CloseServiceHandle(uintptr_t handle)',
  CreateServiceW:
    'uintptr_t __stdcall CreateServiceW(uintptr_t manager, const char16_t *name, const char16_t *display, uint32_t access, uint32_t type, uint32_t start, uint32_t error, const char16_t *command, const char16_t *group, void *tag, void *dependencies, const char16_t *account, const char16_t *password)',
  OpenServiceW:
    'uintptr_t __stdcall OpenServiceW(uintptr_t manager, const char16_t *name, uint32_t access)',
  ChangeServiceConfig2W:
    'int __stdcall ChangeServiceConfig2W(uintptr_t service, uint32_t level, void *info)',
  QueryServiceConfigW:
    'int __stdcall QueryServiceConfigW(uintptr_t service, void *into, uint32_t bytes, void *needed)',
  QueryServiceStatusEx:
    'int __stdcall QueryServiceStatusEx(uintptr_t service, int level, void *into, uint32_t bytes, void *needed)',
  StartServiceW: 'int __stdcall StartServiceW(uintptr_t service, uint32_t count, void *args)',
  ControlService: 'int __stdcall ControlService(uintptr_t service, uint32_t control, void *status)',
  DeleteService: 'int __stdcall DeleteService(uintptr_t service)',
  EnumServicesStatusExW:
    'int __stdcall EnumServicesStatusExW(uintptr_t manager, int level, uint32_t type, uint32_t state, void *into, uint32_t bytes, void *needed, void *count, void *resume, const char16_t *group)',
};

let bound: ServiceFunctions | undefined;

export function serviceFunctions(): ServiceFunctions {
  bound ??= bindAll<ServiceFunctions>('advapi32.dll', SIGNATURES);
  return bound;
}
