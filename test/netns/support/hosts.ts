import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab, Namespace } from './lab.js';

const FOLDER = '/etc/netns';

/** Names as programs in a namespace see them: `ip netns exec` puts this file in place of /etc/hosts. */
export class Hosts {
  readonly #file: string;

  /** To be made before anything is started in the namespace. */
  constructor(lab: Lab, namespace: Namespace, names: Readonly<Record<string, readonly string[]>>) {
    const folder = join(FOLDER, namespace.name);
    const isOurs = !existsSync(FOLDER);
    mkdirSync(folder, { recursive: true });
    lab.onClose(async () => {
      rmSync(folder, { recursive: true, force: true });
      if (isOurs && readdirSync(FOLDER).length === 0) rmdirSync(FOLDER);
    });
    this.#file = join(folder, 'hosts');
    this.set(names);
  }

  /** In place, so that programs that run already see it too. */
  set(names: Readonly<Record<string, readonly string[]>>): void {
    const lines = Object.entries(names).flatMap(([name, addresses]) =>
      addresses.map((address) => `${address} ${name}\n`),
    );
    writeFileSync(this.#file, `127.0.0.1 localhost\n${lines.join('')}`);
  }
}
