import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, Namespace } from './lab.js';

export type DnsProgram = 'resolvconf' | 'resolvectl';

/** Each keeps one record an interface, as a file, and what it was called with. */
const SCRIPTS: Readonly<Record<DnsProgram, string>> = {
  resolvconf: `#!/bin/sh
echo "$*" >> "$0.calls"
[ "$1" != -a ] || [ ! -e "$0.slow" ] || { touch "$0.busy"; sleep 1.5; }
case "$1" in
  -a) cat > "$RECORDS/$2" ;;
  -d) rm -f "$RECORDS/$2" ;;
  -l) cat "$RECORDS/$2" ;;
esac
`,
  resolvectl: `#!/bin/sh
echo "$*" >> "$0.calls"
case "$1" in
  status) exit 0 ;;
  dns|domain) kind=$1; name=$2; shift 2; echo "$kind $*" >> "$RECORDS/$name" ;;
  revert) rm -f "$RECORDS/$2" ;;
esac
`,
};

/** A program that takes DNS servers in the place of the machine's own. */
export class DnsStandIn {
  /** For the programs that shall find it. */
  readonly env: Readonly<Record<string, string>>;
  readonly #program: DnsProgram;
  readonly #records: string;
  readonly #path: string;

  constructor(lab: Lab, program: DnsProgram) {
    const folder = join(lab.folder, 'programs');
    this.#program = program;
    this.#records = join(lab.folder, 'records');
    mkdirSync(folder, { recursive: true });
    mkdirSync(this.#records, { recursive: true });
    this.#path = join(folder, program);
    writeFileSync(this.#path, SCRIPTS[program], { mode: 0o755 });
    this.env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, RECORDS: this.#records };
  }

  /** The record of each interface; systemd-resolved forgets one with its interface. */
  async records(namespace: Namespace): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const name of readdirSync(this.#records)) {
      const isThere = (await namespace.run(['ip', 'link', 'show', name])).code === 0;
      if (this.#program === 'resolvconf' || isThere)
        found[name] = readFileSync(join(this.#records, name), 'utf8');
    }
    return found;
  }

  calls(): string[] {
    const file = `${this.#path}.calls`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** From now on it takes its time over each request. */
  beSlow(): void {
    writeFileSync(`${this.#path}.slow`, '');
  }

  get isBusy(): boolean {
    return existsSync(`${this.#path}.busy`);
  }
}
