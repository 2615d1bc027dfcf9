import { chmodSync, closeSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect } from 'vitest';
import { thisMachine } from '../../../cli/service/systemd/machine.js';
import { unixAddress } from '../../../cli/service/systemd/notify.js';
import { templateUnit } from '../../../cli/service/systemd/unit.js';
import { libc } from '../../../system/linux/libc.js';
import { eventually } from '../../support/waiting.js';
import { type Lab, labTest } from '../support/lab.js';
import { run } from '../support/process.js';
import { CLI, describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { INNER, makePair } from '../support/topology.js';
import { ping } from '../support/traffic.js';

const UNIT = templateUnit(
  { node: process.execPath, main: CLI },
  { replacesResolvConf: thisMachine.replacesResolvConf() },
);

/** What the unit says that systemd does, as far as it goes without: $1 stands at /etc/wireguard. */
const SANDBOX = `set -e
mount --bind "$1" /etc/wireguard
for kept in /run/wireguard /run/wg-ts; do mkdir -p -m 700 $kept; mount --bind $kept $kept; done
while read -r _ point _; do
  case $point in
    /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /run/wireguard | /run/wg-ts) ;;
    *) mount -o remount,bind,ro "$point" ;;
  esac
done </proc/self/mounts
shift
exec setpriv --bounding-set=-all,+net_admin --inh-caps=-all --no-new-privs "$@"`;

const sandboxed = (lab: Lab, argv: readonly string[]): string[] => [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', SANDBOX, 'sh', lab.folder],
  ...argv,
];

/** A command of the unit as words, as systemd takes it apart; none of the paths here has blanks. */
function commandOf(key: string, name: string): string[] {
  const line = UNIT.split('\n').find((one) => one.startsWith(`${key}=`)) ?? '';
  const words = line.slice(key.length + 1).match(/'[^']*'|[^ ]+/g) ?? [];
  return words.map((word) =>
    word
      .replace(/^'(.*)'$/, '$1')
      .replaceAll('\\\\', '\\')
      .replaceAll('$$', '$')
      .replaceAll('%i', name)
      .replaceAll('%%', '%'),
  );
}

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;

/** Where systemd would listen. Returns what has come so far, in order. */
function notifySocket(lab: Lab): { readonly path: string; heard(): readonly string[] } {
  const path = join(lab.folder, 'notify');
  const address = unixAddress(path);
  if (!address) throw new Error(`${path} is no address`);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  lab.onClose(async () => closeSync(fd));
  if (libc().bind(fd, address, address.length) !== 0) throw new Error(`cannot bind ${path}`);
  const [all, bytes]: [string[], Buffer] = [[], Buffer.alloc(4096)];
  return {
    path,
    heard() {
      for (;;) {
        const length = Number(libc().read(fd, bytes, bytes.length));
        if (length < 0) return all;
        all.push(bytes.toString('utf8', 0, length));
      }
    },
  };
}

describeSystem('a tunnel as a service of systemd', [...TUNNEL, 'setpriv'], () => {
  labTest.skipIf(isReference)(
    'comes up with CAP_NET_ADMIN alone and nothing to write to, and says so',
    async ({ lab }) => {
      const pair = await makePair(lab, { clientAllows: ['0.0.0.0/0', '::/0'] });
      await pair.server.start();
      const { namespace, name } = pair.client;
      const before = await namespace.snapshot();
      const { path, heard } = notifySocket(lab);
      const service = namespace.spawn(sandboxed(lab, commandOf('ExecStart', name)), {
        NOTIFY_SOCKET: path,
      });
      await eventually('readiness', 40_000, () => {
        if (service.hasEnded) throw new Error(service.stderr);
        return heard().some((text) => text.startsWith('READY=1\n'));
      });
      expect(heard()).toEqual(['STATUS=coming up', `READY=1\nSTATUS=${name} is up`]);
      const status = readFileSync(`/proc/${service.pid}/status`, 'utf8');
      expect(status).toMatch(/^CapEff:\s+0*1000$/m);
      expect(await ping(namespace, INNER.server.v4)).toMatchObject({ received: 3 });
      expect(await ping(namespace, INNER.server.v6)).toMatchObject({ received: 3 });

      service.signal('SIGTERM');
      expect(await service.exited).toBe(0);
      expect(heard().at(-1)).toBe('STOPPING=1\nSTATUS=going down');
      expect(await namespace.snapshot()).toBe(before);
    },
  );

  labTest.skipIf(isReference)('takes up a changed file, but not a broken one', async ({ lab }) => {
    const { client } = await makePair(lab);
    await client.up();
    const { name, namespace, file } = client;
    const reload = (): ReturnType<typeof run> =>
      namespace.run(sandboxed(lab, commandOf('ExecReload', name)));
    const show = async (what: string): Promise<string> =>
      (await namespace.mustRun(['wg', 'show', name, what])).trim();
    const text = readFileSync(file, 'utf8');
    const peers = await show('peers');

    writeFileSync(file, `${text}PersistentKeepalive = 21\n`);
    expect(await reload()).toMatchObject({ code: 0, stderr: '' });
    expect(await show('persistent-keepalive')).toBe(`${peers}\t21`);

    writeFileSync(file, text.replace('[Peer]', '[Pier]'));
    expect((await reload()).code).not.toBe(0);
    expect(await show('persistent-keepalive')).toBe(`${peers}\t21`);
    writeFileSync(file, text);
  });
});

/** Keeps in files of /run what systemd would know. */
const STAND_IN = `#!/bin/sh
echo "$*" >>/run/asked
for unit; do :; done
units=/etc/systemd/system
case $1 in
  enable) mkdir -p $units/multi-user.target.wants
    ln -sf $units/wg-ts@.service "$units/multi-user.target.wants/$unit" ;;
  disable) rm "$units/multi-user.target.wants/$unit" ;;
  start) [ ! -e /run/refuses ] || { echo "Job for $unit failed." >&2; exit 1; }
    touch "/run/active-$unit" ;;
  stop) rm -f "/run/active-$unit" ;;
  show) shift 2
    for unit; do
      state=inactive pid=0
      [ ! -e "/run/active-$unit" ] || state=active pid=42
      printf 'MainPID=%s\\nId=%s\\nActiveState=%s\\n\\n' $pid "$unit" $state
    done ;;
  status) echo "$unit"; [ -e "/run/active-$unit" ] || exit 3 ;;
esac
`;

/** Where the program is for these tests: a checkout below /tmp is refused, as it does not last. */
const LASTING = '/mnt/wg-ts';
const LASTING_CLI = join(LASTING, relative(resolve(CLI, '../../../..'), CLI));
const INSTALLED_UNIT = templateUnit(
  { node: process.execPath, main: LASTING_CLI },
  { replacesResolvConf: thisMachine.replacesResolvConf() },
);

/** With empty folders where the verbs write to. */
const EMPTY = `set -e
for folder in /etc/wireguard /etc/systemd /run /mnt; do mount -t tmpfs tmpfs $folder; done
mkdir -p /etc/systemd/system ${LASTING}
mount --bind ${resolve(CLI, '../../../..')} ${LASTING}
`;

describeSystem('wg-ts service', ['namespaces', 'cli'], () => {
  const runInside = async (lab: Lab, script: string): ReturnType<typeof run> => {
    const programs = join(lab.folder, 'bin');
    mkdirSync(programs);
    writeFileSync(join(programs, 'systemctl'), STAND_IN);
    chmodSync(join(programs, 'systemctl'), 0o755);
    const name = lab.interfaceName();
    const file = join(lab.folder, `${name}.conf`);
    writeFileSync(
      file,
      '[Interface]\nPrivateKey = gDB9YFTq8dTCZPNhhrrhKPoAS8BBPU4QmEwfqMXUwH8=\n',
      {
        mode: 0o600,
      },
    );
    const words = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c'];
    return await run([...words, EMPTY + script, 'sh', process.execPath, LASTING_CLI, name, file], {
      env: { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
    });
  };

  labTest.skipIf(isReference)(
    'installs, lists and removes an instance of the unit',
    async ({ lab }) => {
      const { code, stdout, stderr } = await runInside(
        lab,
        `mkdir -p /run/systemd/system
"$1" "$2" service install --workers 1 "$4"
cmp "$4" "/etc/wireguard/$3.conf"
stat -c '%a %n' /etc/wireguard/* /etc/systemd/system/*.service
cat /etc/systemd/system/*.service
"$1" "$2" service list
"$1" "$2" service status "$3"
"$1" "$2" service stop "$3"
"$1" "$2" service status "$3" && exit 1
"$1" "$2" service uninstall "$3"
find /etc/systemd/system -type f -o -type l`,
      );
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const name = /is up$/m.exec(stderr)?.input.match(/^(\S+) is up$/m)?.[1] ?? '';
      expect(stdout).toBe(
        `600 /etc/wireguard/${name}.conf\n644 /etc/systemd/system/wg-ts@.service\n${INSTALLED_UNIT}` +
          `${name}  running (pid 42)\nwg-ts@${name}.service\nwg-ts@${name}.service\n`,
      );
      expect(stderr).toContain(`hint: ${join(lab.folder, name)}.conf still holds the private key`);
      expect(stderr).toContain(`${name} is down\n`);
      expect(stderr).toContain(`removed the service of ${name}\n`);
    },
  );

  labTest.skipIf(isReference)(
    'leaves nothing when the tunnel does not come up',
    async ({ lab }) => {
      const { code, stdout, stderr } = await runInside(
        lab,
        `mkdir -p /run/systemd/system
touch /run/refuses
"$1" "$2" service install "$4" || echo "code $?"
find /etc/systemd /etc/wireguard -type f -o -type l`,
      );
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'code 1\n' });
      expect(stderr).toMatch(/^error: systemctl start wg-ts@\S+ failed: Job for \S+ failed\.$/m);
      expect(stderr).toMatch(/^hint: journalctl --unit=wg-ts@\S+\.service shows why$/m);
    },
  );

  labTest.skipIf(isReference)('says so where there is no systemd', async ({ lab }) => {
    const { code, stderr } = await runInside(
      lab,
      `"$1" "$2" service install "$4" || { code=$?; [ ! -e /run/asked ] && exit $code; }`,
    );
    expect(code).toBe(3);
    expect(stderr).toContain('error: systemd does not run on this machine\nhint: ');
  });
});
