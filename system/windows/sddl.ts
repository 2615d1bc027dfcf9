/** Who owns a thing and who may use it, in the text form of Windows (SDDL). */

export const ADMINISTRATORS_FOLDER = 'O:BAG:BAD:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)';

/** BUILTIN\Administrators, NT AUTHORITY\SYSTEM and NT SERVICE\TrustedInstaller. */
const TRUSTED: ReadonlySet<string> = new Set([
  'BA',
  'SY',
  'S-1-5-32-544',
  'S-1-5-18',
  'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464',
]);

export interface AccessEntry {
  /** `A` allows, `D` denies. */
  readonly type: string;
  readonly rights: string;
  /** `BA`, or `S-1-5-...`. */
  readonly account: string;
}

export interface SecurityText {
  /** Undefined when it has none. */
  readonly owner: string | undefined;
  /** Nothing is inherited from the folder above. */
  readonly isProtected: boolean;
  /** Undefined: everybody may do everything. */
  readonly entries: readonly AccessEntry[] | undefined;
}

/** Of `O:BAG:BAD:PAI(A;OICI;FA;;;BA)`; who may be audited (S:) is not for it. */
export function parseSddl(text: string): SecurityText {
  const owner = /^O:(S-[\d-]+|[A-Z]{2})/.exec(text)?.[1];
  const dacl = /D:([A-Z_]*)((?:\([^()]*\))*)/.exec(text);
  const flags = dacl?.[1] ?? '';
  const isNull = dacl === null || flags.includes('NO_ACCESS_CONTROL');
  const entries = [...(dacl?.[2] ?? '').matchAll(/\(([^()]*)\)/g)].map(([, entry = '']) => {
    const [type = '', , rights = '', , , account = ''] = entry.split(';');
    return { type, rights, account };
  });
  return {
    owner,
    isProtected: /^(AI|AR)*P/.test(flags),
    entries: isNull ? undefined : entries,
  };
}

/** The owner may always give itself any right. */
export function isOwnedByAdministrators({ owner }: SecurityText): boolean {
  return owner !== undefined && TRUSTED.has(owner);
}

/** Nobody but administrators and the system may even read it. */
export function isForAdministratorsAlone(security: SecurityText): boolean {
  const { isProtected, entries } = security;
  return (
    isOwnedByAdministrators(security) &&
    isProtected &&
    (entries?.every(({ type, account }) => type === 'D' || TRUSTED.has(account)) ?? false)
  );
}
