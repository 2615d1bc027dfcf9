/** Wine's advapi32.dll with the double of it in between. */
import path from 'node:path';
import { koffi, replaceSystemLibrary } from '../../../system/windows/libraries.js';

export interface RecordedAdvapi32 {
  /** One line for each call that is recorded, and for parts of it. */
  recorded(): string[];
  forget(): void;
  /** Of one folder; all others belong to administrators alone. */
  setSecurity(folder: string, sddl: string): void;
  setElevated(isElevated: boolean): void;
  /** By the headers of Windows: of `SERVICE_STATUS.dwCurrentState`; `.size` is the size. */
  offsetOf(field: string): number;
}

/** Before anything of advapi32.dll is used. */
export function useRecordedAdvapi32(): RecordedAdvapi32 {
  const folder = path.join(process.env['WG_TS_WINE_FOLDER'] ?? '', 'doubles');
  const file = path.join(folder, 'advapi32-recorder.dll');
  replaceSystemLibrary('advapi32.dll', file);
  const library = koffi().load(file);
  const recorded = library.func('const char *recorded()') as () => string;
  const setElevated = library.func('void set_elevated(uint32_t elevated)');
  return {
    recorded: () => recorded().split('\n').filter(Boolean),
    forget: library.func('void forget()'),
    setSecurity: library.func('void set_security(const char16_t *path, const char16_t *sddl)'),
    setElevated: (isElevated) => setElevated(isElevated ? 1 : 0),
    offsetOf: library.func('int offset_of(const char *name)'),
  };
}
