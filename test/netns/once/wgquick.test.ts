import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually, waitFor } from '../../support/waiting.js';
import { type Lab, labTest, type Namespace } from '../support/lab.js';
import type { RunResult } from '../support/process.js';
import { CLI, describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { newKeyPair, newPresharedKey } from '../support/tunnel.js';

/** The same file, brought up by either program, one after the other, in the same namespace. */
interface Subject {
  readonly name: string;
  readonly file: string;
  readonly folder: string;
  readonly namespace: Namespace;
}

const PROGRAMS = {
  'wg-quick': ['wg-quick'],
  'wg-ts': [process.execPath, CLI],
} as const;
type ProgramName = keyof typeof PROGRAMS;

const keys = newKeyPair();
const [first, second] = [newKeyPair(), newKeyPair()];
const psk = newPresharedKey();

interface Sample {
  readonly interface: readonly string[];
  readonly peers: readonly (readonly string[])[];
}

const peer = (publicKey: string, ...lines: string[]): string[] => [
  `PublicKey = ${publicKey}`,
  ...lines,
];

const SAMPLES: Readonly<Record<string, Sample>> = {
  'an IPv4 split tunnel': {
    interface: ['Address = 10.64.0.2/24'],
    peers: [
      peer(
        first.publicKey,
        'AllowedIPs = 10.64.0.0/24, 10.65.0.0/16',
        'Endpoint = 198.18.1.2:51820',
      ),
    ],
  },
  'an IPv6 split tunnel': {
    interface: ['Address = fd64::2/64'],
    peers: [
      peer(
        first.publicKey,
        'AllowedIPs = fd64::/64, fd65::/48',
        'Endpoint = [2001:db8:1::2]:51820',
      ),
    ],
  },
  'hosts of both families': {
    interface: ['Address = 10.64.0.2', 'Address = fd64::2'],
    peers: [peer(first.publicKey, 'AllowedIPs = 10.64.0.1, fd64::1, 10.64.0.2, fd64::2')],
  },
  'an IPv4 full tunnel': {
    interface: ['Address = 10.64.0.2/32'],
    peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/0', 'Endpoint = 198.18.1.2:51820')],
  },
  'an IPv6 full tunnel': {
    interface: ['Address = fd64::2/128'],
    peers: [peer(first.publicKey, 'AllowedIPs = ::/0', 'Endpoint = [2001:db8:1::2]:51820')],
  },
  'a full tunnel of both families with more routes': {
    interface: ['Address = 10.64.0.2/24, fd64::2/64'],
    peers: [
      peer(
        first.publicKey,
        'AllowedIPs = 0.0.0.0/0, ::/0, 10.65.0.0/16',
        'Endpoint = 198.18.1.2:51820',
        'PersistentKeepalive = 25',
      ),
    ],
  },
  'two halves of the world': {
    interface: ['Address = 10.64.0.2/24'],
    peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/1, 128.0.0.0/1')],
  },
  'Table = off': {
    interface: ['Address = 10.64.0.2/24', 'Table = off'],
    peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/0, ::/0, 10.65.0.0/16')],
  },
  'a table by number': {
    interface: ['Address = 10.64.0.2/24, fd64::2/64', 'Table = 4711'],
    peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/0, ::/0, 10.65.0.0/16')],
  },
  'FwMark with a full tunnel': {
    interface: ['Address = 10.64.0.2/24', 'FwMark = 0x1234'],
    peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/0')],
  },
  'FwMark with a split tunnel': {
    interface: ['Address = 10.64.0.2/24', 'FwMark = 77'],
    peers: [peer(first.publicKey, 'AllowedIPs = 10.65.0.0/16')],
  },
  'MTU and ListenPort': {
    interface: ['Address = 10.64.0.2/24', 'MTU = 1333', 'ListenPort = 52345'],
    peers: [peer(first.publicKey, 'AllowedIPs = 10.64.0.1/32')],
  },
  'peers whose networks overlap, and PresharedKey': {
    interface: ['Address = 10.64.0.2/32'],
    peers: [
      peer(first.publicKey, `PresharedKey = ${psk}`, 'AllowedIPs = 10.65.0.0/16, 10.66.0.0/16'),
      peer(second.publicKey, 'AllowedIPs = 10.65.7.0/24, 10.66.0.0/16', 'Endpoint = 198.18.1.2:7'),
    ],
  },
  'no Address': {
    interface: [],
    peers: [peer(first.publicKey, 'AllowedIPs = 10.65.0.0/16')],
  },
  'no peer': { interface: ['Address = 10.64.0.2/24'], peers: [] },
};

function textOf({ interface: lines, peers }: Sample): string {
  return [
    '[Interface]',
    `PrivateKey = ${keys.privateKey}`,
    ...lines,
    ...peers.flatMap((one) => ['[Peer]', ...one]),
    '',
  ].join('\n');
}

/** A namespace with a way out, and a file that both programs read. */
async function makeSubject(lab: Lab, text: (subject: Subject) => string): Promise<Subject> {
  const [here, there] = await lab.link(await lab.namespace('client'), await lab.namespace('net'));
  const { namespace } = here;
  await namespace.ip(`route add default via ${there.v4}`);
  await namespace.ip(`-6 route add default via ${there.v6}`);
  const name = lab.interfaceName();
  const subject = { name, file: join(lab.folder, `${name}.conf`), folder: lab.folder, namespace };
  writeFileSync(subject.file, text(subject), { mode: 0o600 });
  lab.onClose(async () => {
    for (const program of Object.keys(PROGRAMS) as ProgramName[])
      if (existsSync(`/var/run/wireguard/${name}.sock`)) await act(subject, program, 'down');
  });
  return subject;
}

function act(
  { namespace, file }: Subject,
  program: ProgramName,
  verb: 'up' | 'down' | 'save' | 'strip',
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return namespace.run([...PROGRAMS[program], verb, file], {
    env: { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go', ...env },
  });
}

async function mustAct(...args: Parameters<typeof act>): Promise<void> {
  const { code, stderr } = await act(...args);
  expect(code, `${args[1]} ${args[2]}: ${stderr}`).toBe(0);
}

const QUESTIONS: readonly (readonly string[])[] = [
  ['ip', '-oneline', 'address'],
  ['ip', '-4', '-oneline', 'route', 'show', 'table', 'all'],
  ['ip', '-6', '-oneline', 'route', 'show', 'table', 'all'],
  ['ip', '-4', 'rule'],
  ['ip', '-6', 'rule'],
  ['nft', 'list', 'ruleset'],
  ['sysctl', 'net.ipv4.conf.all.src_valid_mark'],
];

/** What both programs have done to the machine, without what has to differ. */
async function machineOf({ namespace, name }: Subject): Promise<string[]> {
  const answers: string[] = [];
  for (const argv of QUESTIONS)
    answers.push(`${argv.join(' ')}\n${normalized(await namespace.mustRun(argv), name)}`);
  return answers;
}

/** Tables of both families come in the order of wireguard-go's networks. */
function sortTables(ruleset: string): string {
  return ruleset
    .split(/^(?=table )/m)
    .sort()
    .join('');
}

function normalized(text: string, name: string): string {
  return (
    sortTables(text)
      .replaceAll(name, 'NAME')
      // Counted by the kernel, and drawn by it for each new interface.
      .replaceAll(/^\d+: (NAME|veth)/gm, 'N: $1')
      .replaceAll(/fe80::[0-9a-f:]+( dev NAME|\/64 scope)/g, 'fe80::N$1')
      .replaceAll(/(.*(fe80::N|anycast fe80::).*NAME.*\n)/g, '')
      .replaceAll(/ (expires|valid_lft|preferred_lft) \S+/g, '')
      // Each of our rules belongs to one tunnel, so that tunnels may end in any order: wg-quick has
      // one rule of the main table for all of them, which meets marked packets too.
      .replaceAll(/not from all fwmark 0x\w+ lookup main supp/g, 'from all lookup main supp')
      .replaceAll(/wg-(ts|quick)-NAME/g, 'TABLE')
      // The kernel's own WireGuard interfaces have no link-local address, and nothing for it can come in
      // by another interface: wg-quick has this rule with wireguard-go alone.
      .replaceAll(/.* ip6 daddr fe80::\S+ fib saddr type != local drop\n/g, '')
      // wg-quick looks names up by the system's resolver alone, and needs no mark for answers over TCP.
      .replaceAll(/.*tcp [ds]port 53 .*\n/g, '')
  );
}

/** wireguard-go lists peers, and families of their networks, in an order that changes. */
async function configOf({ namespace, name }: Subject): Promise<string> {
  const text = await namespace.mustRun(['wg', 'showconf', name]);
  return text
    .replaceAll(/^(AllowedIPs = )(.*)$/gm, (_line, key: string, networks: string) =>
      key.concat(networks.split(', ').sort().join(', ')),
    )
    .trim()
    .split('\n\n')
    .sort()
    .join('\n\n');
}

/** Of a port that the system chose. */
function withoutPort(showconf: string, sample: Sample): string {
  const isChosen = !sample.interface.some((line) => line.startsWith('ListenPort'));
  return isChosen ? showconf.replace(/ListenPort = \d+/, 'ListenPort = N') : showconf;
}

async function gone({ name }: Subject): Promise<void> {
  await eventually(
    'the end of the socket',
    5000,
    () => !existsSync(`/var/run/wireguard/${name}.sock`),
  );
}

describeSystem('wg-quick and wg-ts', [...TUNNEL, 'nft'], () => {
  // The reference is in it already.
  const subjectTest = labTest.skipIf(isReference);

  for (const [what, sample] of Object.entries(SAMPLES))
    subjectTest(`do the same for ${what}`, async ({ lab }) => {
      const subject = await makeSubject(lab, () => textOf(sample));
      const seen: Partial<Record<ProgramName, { machine: string[]; config: string }>> = {};
      for (const program of ['wg-quick', 'wg-ts'] as const) {
        await subject.namespace.mustRun(['sysctl', '-qw', 'net.ipv4.conf.all.src_valid_mark=0']);
        const before = await subject.namespace.snapshot();
        await mustAct(subject, program, 'up');
        seen[program] = {
          machine: await machineOf(subject),
          config: withoutPort(await configOf(subject), sample),
        };
        await mustAct(subject, program, 'down');
        await gone(subject);
        await waitFor(async () =>
          expect(await subject.namespace.snapshot(), `after ${program} down`).toBe(before),
        );
      }
      expect(seen['wg-ts']?.machine).toEqual(seen['wg-quick']?.machine);
      expect(seen['wg-ts']?.config).toBe(seen['wg-quick']?.config);
      expect(seen['wg-quick']?.machine.join('\n')).toContain('NAME');
    });

  subjectTest('give hooks the same environment, in the same order', async ({ lab }) => {
    const hook = (key: string): string =>
      `${key} = { echo ${key} %i $BASH; shopt extglob; shopt -o errexit pipefail; umask; compgen -e | sort; echo "$PATH $LC_ALL $LANG"; } >> "$HOOK_OUT"`;
    const subject = await makeSubject(lab, () =>
      textOf({
        interface: [
          'Address = 10.64.0.2/24',
          hook('PostUp'),
          'PostUp = echo second %i%i >> "$HOOK_OUT"',
          ...['PreDown', 'PreUp', 'PostDown'].map(hook),
        ],
        peers: [peer(first.publicKey, 'AllowedIPs = 10.65.0.0/16')],
      }),
    );
    const written: string[] = [];
    for (const program of ['wg-quick', 'wg-ts'] as const) {
      const HOOK_OUT = join(subject.folder, 'out');
      writeFileSync(HOOK_OUT, '');
      const env = { HOOK_OUT, PATH: '/usr/bin:/usr/sbin:/sbin:/bin', LC_ALL: 'de_DE.UTF-8' };
      await mustAct(subject, program, 'up', env);
      await mustAct(subject, program, 'down', env);
      await gone(subject);
      written.push(surroundings(readFileSync(HOOK_OUT, 'utf8'), subject.name));
    }
    expect(written[1]).toBe(written[0]);
    expect(written[0]?.match(/^(P\w+|second) NAME/gm)).toEqual([
      ...['PreUp NAME', 'PostUp NAME', 'second NAME', 'PreDown NAME', 'PostDown NAME'],
    ]);
  });

  subjectTest('undo everything when a hook fails', async ({ lab }) => {
    const subject = await makeSubject(lab, () =>
      textOf({
        interface: ['Address = 10.64.0.2/24', 'PostUp = false | true; echo not reached'],
        peers: [peer(first.publicKey, 'AllowedIPs = 0.0.0.0/0')],
      }),
    );
    for (const program of ['wg-quick', 'wg-ts'] as const) {
      const before = await subject.namespace.snapshot();
      const { code, stdout } = await act(subject, program, 'up');
      expect(code, program).toBeGreaterThan(0);
      expect(stdout).not.toContain('not reached');
      await gone(subject);
      expect(await subject.namespace.snapshot(), program).toBe(before);
    }
  });

  subjectTest('strip the same keys', async ({ lab }) => {
    const subject = await makeSubject(lab, () =>
      [
        '# a comment',
        '  [interface]  # here',
        `privatekey=${keys.privateKey}`,
        '\tAddress = 10.0.0.2/24 # gone',
        'DNS = 10.0.0.1, example.com',
        'MTU = 1400',
        'Table = off',
        'PostUp = echo a = b',
        'PreUp=true',
        'PreDown = true',
        'POSTDOWN = true',
        'SaveConfig = true',
        'ListenPort = 7   # kept',
        '',
        '[Peer]',
        `PublicKey = ${first.publicKey}  `,
        'AllowedIPs = 10.0.0.0/8, ::/0',
        'Endpoint = [2001:db8::1]:51820',
        '# the end, without a line feed',
      ].join('\n'),
    );
    const [theirs, ours] = [
      await act(subject, 'wg-quick', 'strip'),
      await act(subject, 'wg-ts', 'strip'),
    ];
    expect(theirs.stdout).toContain('ListenPort = 7   # kept');
    expect(ours).toMatchObject({ code: 0, stdout: theirs.stdout });
  });
});

function surroundings(text: string, name: string): string {
  return (
    text
      .replaceAll(name, 'NAME')
      // wg-quick puts its own folder in front, bash leaves traces of the shells in between, and we
      // of ourselves, which show after a kill what is still running.
      .replaceAll(/^\/usr\/bin:(?=\/usr\/bin:)/gm, '')
      .replaceAll(/^(SHLVL|OLDPWD|PWD|_|WG_TS_HOOK_OF)\n/gm, '')
  );
}
