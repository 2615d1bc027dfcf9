/** What a check of `wg-ts doctor` has found. */

/** In the order of the report, which is that of causes: what comes first may explain the rest. */
export const GROUPS = ['machine', 'configuration', 'network', 'peer', 'traffic'] as const;

export type Group = (typeof GROUPS)[number];

export interface Finding {
  readonly group: Group;
  /** Of the check. */
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'problem' | 'skipped';
  /** One line. */
  readonly detail: string;
  /** What to do, one line. */
  readonly hint?: string;
  /** Absent: of the machine. */
  readonly tunnel?: string;
}

export type Outcome = Pick<Finding, 'state' | 'detail' | 'hint'>;

export const ok = (detail: string): Outcome => ({ state: 'ok', detail });
export const skipped = (detail: string): Outcome => ({ state: 'skipped', detail });
export const warning = (detail: string, hint: string): Outcome => ({
  state: 'warning',
  detail,
  hint,
});
export const problem = (detail: string, hint: string): Outcome => ({
  state: 'problem',
  detail,
  hint,
});

/** Names and groups the outcomes of one check; a check that has nothing to say has none. */
export function named(group: Group, name: string, ...outcomes: readonly Outcome[]): Finding[] {
  return outcomes.map((outcome) => ({ group, name, ...outcome }));
}
