/** The native library has floors: no file includes a header or calls a function of a higher one. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';

const lib = new URL('../../native/lib/', import.meta.url);

/** The lowest first: each is a subject with the names of its files, those of a system among them. */
const FLOORS: readonly string[] = [
  'wg_ts common',
  'system system_error oldglibc resolve wintun',
  'threads',
  'openssl',
  'aead aead_implementation aead_direct aead_evp aead_selftest',
  'checksum',
  'packet tcp_udp',
  'icmp',
  'segment segment_headers',
  'coalesce coalesce_packet',
  'joined',
  'epoch',
  'allowedips allowedips_trie allowedips_owners allowedips_lookup',
  'replay',
  'keypair',
  'endpoint',
  'events bell',
  'peer',
  'udp udp_system udp_calls udp_prepare udp_send udp_receive winsock',
  'device clock',
  'tun wintun_log',
  'outbound outbound_inner outbound_tun tun_read',
  'inbound tun_write',
  'sleep',
  'tasks',
  'control report',
  'lifecycle',
];

const nameOf = (path: string): string => basename(path).replace(/\.[ch]$/, '');

const floors = new Map(
  FLOORS.flatMap((floor, height) => floor.split(' ').map((name) => [name, height] as const)),
);

/** Below all, where it is no file of the library. */
const heightOf = (path: string): number => floors.get(nameOf(path)) ?? -1;

/** Without comments, strings, and declarations of functions, which are not calls. */
function codeOf(text: string): string {
  const code = text.replace(/\/\*[\s\S]*?\*\/|"[^"\n]*"/g, '');
  return code.replace(/^\w[^;{}()=]*\([^;{}]*\);/gm, '');
}

const DEFINITION = /^(?!static\b|typedef\b)\w[^;{}()=]*?\b(\w+)\([^;{}]*\) \{/gm;

/** The functions that other files can call. */
function definitions(files: ReadonlyMap<string, string>): { name: string; home: string }[] {
  return [...files].flatMap(([home, text]) =>
    [...codeOf(text).matchAll(DEFINITION)].map(([, name = '']) => ({ name, home })),
  );
}

/** What a file uses of a higher floor: headers, and functions, also where no header declares them. */
function climbs(files: ReadonlyMap<string, string>): string[] {
  const defined = definitions(files);
  return [...files].flatMap(([path, text]) => {
    const isAbove = (other: string): boolean => heightOf(other) > heightOf(path);
    const headers = [...text.matchAll(/^#include "(.+)"/gm)].map(([, header = '']) => header);
    const words = new Set(codeOf(text).match(/\w+/g));
    const functions = defined.filter(({ name, home }) => isAbove(home) && words.has(name));
    return [...headers.filter(isAbove), ...functions.map(({ name }) => name)].map(
      (used) => `${path} -> ${used}`,
    );
  });
}

function sources(): Map<string, string> {
  const names = readdirSync(lib, { recursive: true, encoding: 'utf8' });
  const paths = names.filter((name) => /\.[ch]$/.test(name)).sort();
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, lib), 'utf8')]));
}

describe('the files of the native library', () => {
  it('stand on one floor each', () => {
    const names = new Set([...sources().keys(), 'wg_ts.h'].map(nameOf));
    expect(FLOORS.flatMap((floor) => floor.split(' ')).sort()).toEqual([...names].sort());
  });

  it('include and call downwards only', () => {
    expect(definitions(sources()).length).toBeGreaterThan(100);
    expect(climbs(sources())).toEqual([]);
  });
});

describe('the rule', () => {
  it.each([
    ['a header', { 'linux/tun.c': '#include "../tasks.h"\n' }, 'linux/tun.c -> ../tasks.h'],
    [
      'a function that no header declares',
      {
        'linux/threads.c': 'int run(void *);\n\nstatic int enter(void) { return run(NULL); }\n',
        'tasks.c': 'int run(void *argument) {\n  return 0;\n}\n',
      },
      'linux/threads.c -> run',
    ],
    [
      'a function that is handed on',
      {
        'device.h': 'static inline void open(void) {\n  start(run);\n}\n',
        'tasks.c': 'struct task *run(struct task *task,\n                 bool is_new) {\n}\n',
      },
      'device.h -> run',
    ],
  ])('forbids %s of a higher floor', (_, files, complaint) => {
    expect(climbs(new Map(Object.entries(files)))).toEqual([complaint]);
  });

  it('lets a file declare and mention what stands higher, and use what stands lower', () => {
    const files = {
      'device.h': '/* As run() does. */\nint run(int argument);\n#define NAME "run"\n',
      'device.c': '#include "common.h"\nint base(void) {\n  return 0;\n}\n',
      'tasks.c': '#include "device.h"\nint run(int argument) {\n  return base();\n}\n',
    };
    expect(climbs(new Map(Object.entries(files)))).toEqual([]);
  });
});
