/** The findings of the checks of `wg-ts doctor`. */

/** In the order of the report, which is that of causes: earlier problems may explain later ones. */
export const GROUPS = ['machine', 'configuration', 'network', 'peer', 'traffic'] as const;

export type Group = (typeof GROUPS)[number];

export interface Finding {
  readonly group: Group;
  /** The name of the check. */
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'problem' | 'skipped';
  /** One line. */
  readonly detail: string;
  /** What to do about it, one line. */
  readonly hint?: string;
  /** The name of the tunnel; absent for findings about the machine. */
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

/** Names and groups the outcomes of one check; a check may have none. */
export function named(group: Group, name: string, ...outcomes: readonly Outcome[]): Finding[] {
  return outcomes.map((outcome) => ({ group, name, ...outcome }));
}
