/** A network namespace whose programs have a folder /etc of their own. */
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Lab, Namespace } from './lab.js';

/** How /etc/resolv.conf is there: as a file, as Docker mounts it, or as Docker does with --read-only. */
export type Mounting = 'plain' | 'mounted' | 'read-only';

/** What nothing but the test's own code may make of it: an odd mode and owner. */
const MODE = 0o640;
const OWNER = { uid: 1, gid: 2 } as const;

export class OwnEtc extends Namespace {
  /** /etc/resolv.conf from outside. */
  readonly file: string;
  readonly #script: string;

  constructor(lab: Lab, name: string, mounting: Mounting, text: string) {
    super(lab, name);
    const folder = join(lab.folder, `etc-${mounting}`);
    cpSync('/etc', folder, { recursive: true, verbatimSymlinks: true });
    const inside = join(folder, 'resolv.conf');
    rmSync(inside, { force: true });
    writeFileSync(inside, '');
    this.file = mounting === 'plain' ? inside : join(lab.folder, 'resolv.conf');
    writeFileSync(this.file, text);
    chownSync(this.file, OWNER.uid, OWNER.gid);
    chmodSync(this.file, MODE);
    const steps = [`mount --bind ${folder} /etc`];
    if (mounting !== 'plain') steps.push(`mount --bind ${this.file} /etc/resolv.conf`);
    if (mounting === 'read-only') steps.push('mount -o remount,bind,ro /etc/resolv.conf');
    this.#script = `${steps.join(' && ')} && exec "$@"`;
  }

  /** Every program has its own mounts, of the same folder. */
  override inside(argv: readonly string[]): string[] {
    return super.inside(['sh', '-c', this.#script, 'sh', ...argv]);
  }

  text(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** Content, mode and owner, to compare. */
  state(): string {
    const { mode, uid, gid } = lstatSync(this.file);
    return `${(mode & 0o7777).toString(8)} ${uid} ${gid}\n${this.text()}`;
  }

  /** As dhclient and others do it; in place where it is mounted. */
  async rewrite(text: string): Promise<void> {
    const rename = 'printf %s "$1" > /etc/r.new && mv /etc/r.new /etc/resolv.conf 2>/dev/null';
    const inPlace = 'printf %s "$1" > /etc/resolv.conf; rm -f /etc/r.new';
    await this.mustRun(['sh', '-c', `{ ${rename}; } || { ${inPlace}; }`, 'sh', text]);
  }

  /** Replaces the file by a link to another one with the same text. */
  linkTo(folder: string): string {
    mkdirSync(folder, { recursive: true });
    const target = join(folder, 'managed.conf');
    writeFileSync(target, this.text());
    rmSync(this.file);
    symlinkSync(target, this.file);
    return target;
  }
}
