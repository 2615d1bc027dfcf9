/** Owners and access rights in the text form of Windows (SDDL). */

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
  /** An alias such as `BA`, or a SID, `S-1-5-...`. */
  readonly account: string;
}

export interface SecurityText {
  /** Undefined when there is no owner. */
  readonly owner: string | undefined;
  /** Whether nothing is inherited from the parent folder. */
  readonly isProtected: boolean;
  /** Undefined when everyone has full access. */
  readonly entries: readonly AccessEntry[] | undefined;
}

/** Parses text such as `O:BAG:BAD:PAI(A;OICI;FA;;;BA)`. The audit part (S:) is not supported. */
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

/** Checks the owner, since an owner can always obtain any right. */
export function isOwnedByAdministrators({ owner }: SecurityText): boolean {
  return owner !== undefined && TRUSTED.has(owner);
}

/** Returns whether only administrators and the system have any access, even to read. */
export function isForAdministratorsAlone(security: SecurityText): boolean {
  const { isProtected, entries } = security;
  return (
    isOwnedByAdministrators(security) &&
    isProtected &&
    (entries?.every(({ type, account }) => type === 'D' || TRUSTED.has(account)) ?? false)
  );
}
