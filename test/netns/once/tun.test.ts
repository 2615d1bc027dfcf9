import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..', '..');
const NAMESPACE = `wgts-tun-${process.pid}`;

const isReady = process.geteuid?.() === 0 && existsSync('/dev/net/tun');

/** In every script: the built modules, a shell, and `report` for the one value that it returns. */
const PRELUDE = `
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
const { openTun } = await import('${ROOT}/dist/tun/linux/device.js');
const { linuxNetConfig } = await import('${ROOT}/dist/network/linux/netconfig.js');
const { openMmsgUdp } = await import('${ROOT}/dist/udp/linux/sockets.js');
const sh = (command) => {
  try {
    return execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return 'failed: ' + error.stderr;
  }
};
const report = (value) => console.log(JSON.stringify(value));
const network = () => sh('ip addr; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft list tables');
const base = { mtu: 1420, routes: [], table: 'auto', fwMark: 0, dnsServers: [], dnsSearch: [] };
const full = (name, n) => ({
  ...base, name, fwMark: 51820 + n,
  addresses: ['10.7.' + n + '.2/24', 'fd07:' + n + '::2/64'],
  routes: ['0.0.0.0/0', '::/0'],
});
const up = async (settings, config = linuxNetConfig()) => {
  const tun = openTun(settings.name);
  tun.start(() => {}, () => {});
  const { steps, warnings } = await config.plan(settings);
  const undo = [];
  for (const step of steps) {
    undo.push(...step.undo);
    await step.apply();
  }
  const errors = [];
  const down = async () => {
    await config.undo(undo, (error) => errors.push(error.message));
    tun.close();
    await delay(50);
  };
  return { tun, down, undo, errors, warnings };
};
`;

async function inNamespace(script: string): Promise<unknown> {
  const args = ['netns', 'exec', NAMESPACE, process.execPath, '--input-type=module', '-e'];
  const { stdout } = await run('ip', [...args, PRELUDE + script], { timeout: 30_000 });
  return JSON.parse(stdout);
}

describe.skipIf(!isReady)('TUN and network configuration (needs root and /dev/net/tun)', () => {
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', NAMESPACE]);
    const commands = [
      // Otherwise addresses change by themselves for some seconds.
      'sysctl -q net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0',
      'ip link set lo up',
      // The way to the internet before the tunnel.
      'ip link add eth0 type veth peer name far',
      'ip addr add 192.0.2.2/24 dev eth0',
      'ip -6 addr add 2001:db8::2/64 dev eth0 nodad',
      'ip link set far up',
      'ip link set eth0 mtu 1400 up',
      'ip route add default via 192.0.2.1',
      'ip -6 route add default via 2001:db8::1',
    ];
    execFileSync('ip', ['netns', 'exec', NAMESPACE, 'sh', '-ec', commands.join('\n')]);
  });

  afterAll(() => {
    execFileSync('ip', ['netns', 'del', NAMESPACE]);
  });

  it("answers the kernel's pings", async () => {
    const seen = await inNamespace(`
      import { spawn } from 'node:child_process';
      const tun = openTun('t0');
      sh('ip addr add 10.9.0.1/24 dev t0; ip link set t0 up');
      let written = 0;
      tun.start((packets) => {
        for (const packet of packets) {
          if (packet[0] !== 0x45 || packet[9] !== 1 || packet[20] !== 8) continue;
          const answer = Buffer.from(packet);
          answer.set(packet.subarray(16, 20), 12);
          answer.set(packet.subarray(12, 16), 16);
          answer[20] = 0;
          // The checksum of an echo reply is the request's plus 8 in its first byte (RFC 1624).
          let sum = answer.readUInt16BE(22) + 0x0800;
          answer.writeUInt16BE((sum & 0xffff) + (sum >>> 16), 22);
          if (tun.write(answer)) written++;
        }
      }, () => {});
      const ping = spawn('ping', ['-c', '3', '-i', '0.2', '-W', '5', '-s', '1300', '10.9.0.2']);
      ping.on('exit', (status) => {
        tun.close();
        report({ status, written });
      });
    `);
    expect(seen).toEqual({ status: 0, written: 3 });
  });

  it('lets promises of its listeners run, and their exceptions through', async () => {
    const seen = await inNamespace(`
      const tun = openTun('t0');
      const seen = [];
      process.on('uncaughtException', (error) => {
        seen.push(error.message);
        tun.close();
        setTimeout(() => report(seen), 10);
      });
      tun.start(() => {
        Promise.resolve().then(() => seen.push('promise'));
        throw new Error('exception');
      }, () => {});
      sh('ip addr add 10.9.0.1/24 dev t0; ip link set t0 up; ping -c 1 -W 0.1 10.9.0.2');
      await delay(50); // What is watched keeps no process alive.
    `);
    expect(seen).toEqual(['exception', 'promise']);
  });

  it('lets the process end while packets wait to be read', async () => {
    const seen = await inNamespace(`
      const tun = openTun('t0');
      let count = 0;
      tun.start((packets) => { count += packets.length; }, () => {});
      process.on('exit', () => report(count));
      sh('ip addr add 10.9.0.1/24 dev t0; ip link set t0 up; ping -c 1 -W 0.1 10.9.0.2');
    `);
    expect(seen).toBe(0);
  });

  it('keeps packets of every size and loses none of a burst', async () => {
    const seen = await inNamespace(`
      import { createSocket } from 'node:dgram';
      const tun = openTun('t0');
      sh('sysctl -q net.ipv6.conf.t0.disable_ipv6=1; ip addr add 10.9.0.1/24 dev t0; ip link set mtu 9000 txqueuelen 1000 up dev t0');
      const sizes = [];
      let intact = true;
      let largestBatch = 0;
      const all = new Promise((resolve) => tun.start((packets) => {
        largestBatch = Math.max(largestBatch, packets.length);
        for (const packet of packets) {
          sizes.push(packet.length - 28);
          intact &&= packet.subarray(28).every((byte) => byte === sizes.length % 256);
        }
        if (sizes.length >= 300) resolve();
      }, () => {}));
      const socket = createSocket('udp4');
      const sent = [];
      for (let n = 1; n <= 300; n++) {
        sent.push((n * 29) % 8900);
        socket.send(Buffer.alloc((n * 29) % 8900, n % 256), 9, '10.9.0.2');
      }
      await all;
      socket.close();
      tun.close();
      report({ intact, same: JSON.stringify(sizes) === JSON.stringify(sent), largestBatch });
    `);
    expect(seen).toMatchObject({ intact: true, same: true });
    expect((seen as { largestBatch: number }).largestBatch).toBeLessThanOrEqual(64);
  });

  it('reports once that the interface was deleted, and lets the process end', async () => {
    const seen = await inNamespace(`
      const tun = openTun('t0');
      const errors = [];
      tun.start(() => {}, (error) => errors.push(error.code + ' ' + error.message));
      sh('ip link set t0 up; ip link del t0');
      await delay(100);
      const written = tun.write(new Uint8Array(20));
      await delay(100);
      report({ errors, written });
    `);
    expect(seen).toEqual({
      errors: ['ERR_TUN interface t0 was deleted by another program'],
      written: false,
    });
  });

  it('drops what it cannot write', async () => {
    const seen = await inNamespace(`
      const tun = openTun('t0');
      const down = tun.write(Buffer.from('45000014000000004001000001010101', 'hex'));
      sh('ip link set t0 up');
      const nonsense = [new Uint8Array(0), new Uint8Array(40)].map((packet) => tun.write(packet));
      tun.close();
      tun.close();
      report({ down, nonsense, closed: tun.write(new Uint8Array(20)) });
    `);
    expect(seen).toEqual({ down: false, nonsense: [false, false], closed: false });
  });

  it('refuses a second interface of the same name, of whatever kind', async () => {
    const seen = await inNamespace(`
      const tun = openTun('t0');
      const codes = [];
      for (const name of ['t0', 'eth0', 'a/b'])
        try { openTun(name); } catch (error) { codes.push(error.code); }
      tun.close();
      openTun('t0').close();
      report(codes);
    `);
    expect(seen).toEqual(['ERR_INTERFACE_EXISTS', 'ERR_INTERFACE_EXISTS', 'ERR_NAME']);
  });

  it('says that root is needed', async () => {
    const seen = await inNamespace(`
      process.setgid(65534);
      process.setuid(65534);
      try { openTun('t0'); } catch (error) { report([error.code, error.message.includes('\\n')]); }
    `);
    expect(seen).toEqual(['ERR_NOT_ROOT', false]);
  });

  it('configures an interface and leaves nothing behind', async () => {
    const seen = await inNamespace(`
      const before = network();
      const { down, errors } = await up({
        ...base, name: 't0', addresses: ['10.8.0.2/24', 'fd08::2/64'],
        routes: ['10.8.0.0/24', '172.16.0.0/12', 'fd09::/48'],
      });
      const link = JSON.parse(sh('ip -json addr show dev t0'))[0];
      const during = [
        link.mtu, link.txqlen, link.flags.includes('UP'),
        link.addr_info.filter((a) => a.scope === 'global').map((a) => a.local + '/' + a.prefixlen),
        JSON.parse(sh('ip -json route get 172.17.1.1'))[0].dev,
        JSON.parse(sh('ip -json -6 route get fd09::1'))[0].dev,
        JSON.parse(sh('ip -json route get 8.8.8.8'))[0].dev,
      ];
      await down();
      report({ during, errors, restored: before === network() });
    `);
    expect(seen).toEqual({
      during: [1420, 4000, true, ['10.8.0.2/24', 'fd08::2/64'], 't0', 't0', 'eth0'],
      errors: [],
      restored: true,
    });
  });

  it('routes everything but its own packets into the tunnel, and leaves nothing behind', async () => {
    const seen = await inNamespace(`
      const before = network();
      const { down, errors, undo } = await up(full('t0', 1));
      const dev = (get) => JSON.parse(sh('ip -json route get ' + get))[0].dev;
      const during = [
        dev('8.8.8.8'), dev('8.8.8.8 mark 51821'), dev('192.0.2.77'),
        dev('2001:db8:1::1'), dev('2001:db8:1::1 mark 51821'), dev('2001:db8::77'),
        sh('cat /proc/sys/net/ipv4/conf/all/src_valid_mark').trim(),
        sh('nft list tables').trim().split('\\n'),
        await linuxNetConfig().freeTable(),
      ];
      await down();
      const restored = before === network();
      await linuxNetConfig().undo(undo, (error) => errors.push(error.message));
      report({ during, errors, restored, again: before === network() });
    `);
    const devices = ['t0', 'eth0', 'eth0', 't0', 'eth0', 'eth0'];
    expect(seen).toEqual({
      during: [...devices, '1', ['table ip wg-ts-t0', 'table ip6 wg-ts-t0'], 51820],
      errors: [],
      restored: true,
      again: true,
    });
  });

  it('has the kernel drop packets to its address that arrive on another interface', async () => {
    const seen = await inNamespace(`
      const { down } = await up(full('t0', 1));
      const rules = sh('nft list chain ip wg-ts-t0 preraw');
      await down();
      report(/iifname != "t0" ip daddr 10\\.7\\.1\\.2 fib saddr type != local drop/.test(rules));
    `);
    expect(seen).toBe(true);
  });

  it.each([
    ['first', 'second'],
    ['second', 'first'],
  ])('keeps two default routes apart when the %s ends before the %s', async (earlier) => {
    const seen = await inNamespace(`
      const before = network();
      const dev = (get) => JSON.parse(sh('ip -json route get ' + get))[0].dev;
      const first = await up(full('t1', 1));
      const onlyFirst = network();
      const second = await up(full('t2', 2));
      const both = [dev('8.8.8.8'), dev('8.8.8.8 mark 51822'), dev('192.0.2.77')];
      const order = '${earlier}' === 'first' ? [first, second] : [second, first];
      await order[0].down();
      const one = [dev('8.8.8.8'), dev('192.0.2.77'), dev('2001:db8:1::1'), dev('2001:db8::77')];
      const firstAsBefore = onlyFirst === network();
      await order[1].down();
      report({ both, one, firstAsBefore, errors: [...first.errors, ...second.errors], restored: before === network() });
    `);
    const left = earlier === 'first' ? 't2' : 't1';
    expect(seen).toEqual({
      both: ['t2', 't1', 'eth0'],
      one: [left, 'eth0', left, 'eth0'],
      firstAsBefore: earlier === 'second',
      errors: [],
      restored: true,
    });
  });

  it('does the same with iptables', async () => {
    const seen = await inNamespace(`
      const { realSystem } = await import('${ROOT}/dist/system/commands.js');
      const find = async (program) => (program === 'nft' ? undefined : realSystem.find(program));
      const rules = () => (sh('iptables-save; ip6tables-save').match(/^-A.*$/gm) ?? []);
      const { down, errors } = await up(full('t0', 1), linuxNetConfig({ find }));
      const during = rules().filter((rule) => rule.includes('wg-ts rule for t0')).length;
      await down();
      report({ during, errors, left: rules().length });
    `);
    expect(seen).toEqual({ during: 10, errors: [], left: 0 });
  });

  it('names the command that failed, and takes back what was done', async () => {
    const seen = await inNamespace(`
      const before = network();
      const tun = openTun('t0');
      const { steps } = await linuxNetConfig().plan({
        ...base, name: 't0', addresses: ['10.8.0.2/24'], routes: ['203.0.113.0/24'],
      });
      // What is there already when it is planned is refused before.
      sh('ip route add blackhole 203.0.113.0/24');
      let failure;
      try {
        for (const step of steps) await step.apply();
      } catch (error) {
        failure = [error.name, error.code, error.message];
      }
      tun.close();
      sh('ip route del blackhole 203.0.113.0/24');
      await delay(50);
      report({ failure, restored: before === network() });
    `);
    expect(seen).toEqual({
      failure: [
        'NetConfigError',
        'ERR_NETCONFIG',
        'ip -4 route add 203.0.113.0/24 dev t0: RTNETLINK answers: File exists',
      ],
      restored: true,
    });
  });

  it('names the interface that has the address, and the MTU of the route to a server', async () => {
    const seen = await inNamespace(`
      const config = linuxNetConfig();
      const settings = { ...base, name: 't0', addresses: ['192.0.2.2/32'] };
      const { warnings } = await config.plan(settings);
      sh('ip link add t0 type dummy; ip address add 192.0.2.2/32 dev t0; ip link del t0');
      sh('ip route add 198.51.100.0/24 via 192.0.2.1 mtu 1300');
      const mtus = [
        await config.mtuTowards('203.0.113.1'), await config.mtuTowards('198.51.100.1'),
        await config.mtuTowards('2001:db8:1::1'), await config.mtuTowards('127.0.0.1'),
      ];
      sh('ip route del 198.51.100.0/24; ip route del default');
      mtus.push(await config.mtuTowards('203.0.113.1') ?? null);
      sh('ip route add default via 192.0.2.1');
      report({ warnings, mtus });
    `);
    expect(seen).toEqual({
      warnings: ['interface eth0 has the address 192.0.2.2 too'],
      mtus: [1400, 1300, 1400, 65536, null],
    });
  });

  it("keeps UDP going through a firewall's refusal and a missing route", async () => {
    const seen = await inNamespace(`
      sh('nft add table ip t; nft add chain ip t o "{ type filter hook output priority 0; }"; nft add rule ip t o udp dport 4444 drop');
      sh('ip route add unreachable 203.0.113.0/24; ip route add prohibit 198.51.100.0/24');
      const udp = await openMmsgUdp({});
      const errors = [];
      let got = 0;
      udp.start({ onDatagram: () => got++, onSendError: (error) => errors.push(error.reason) });
      const bytes = new Uint8Array(10);
      udp.send(bytes, { address: '127.0.0.1', port: 4444 });
      udp.send(bytes, { address: '203.0.113.1', port: 9 });
      udp.send(bytes, { address: '198.51.100.1', port: 9 });
      udp.send(bytes, { address: '127.0.0.1', port: udp.port });
      await delay(100);
      await udp.close();
      sh('nft delete table ip t; ip route del unreachable 203.0.113.0/24; ip route del prohibit 198.51.100.0/24');
      report({ errors, got });
    `);
    expect(seen).toEqual({ errors: ['EPERM', 'EHOSTUNREACH', 'EACCES'], got: 1 });
  });

  it('keeps the zone of a link-local address, and answers through it', async () => {
    const seen = await inNamespace(`
      const address = JSON.parse(sh('ip -json -6 addr show dev eth0'))[0].addr_info
        .find((a) => a.scope === 'link').local;
      const udp = await openMmsgUdp({});
      const sources = [];
      udp.start({ onDatagram: (bytes, from) => {
        sources.push(from.address);
        if (sources.length === 1) udp.send(bytes, from);
      } });
      udp.send(new Uint8Array(3), { address: address + '%eth0', port: udp.port });
      await delay(100);
      await udp.close();
      report(sources.map((source) => source === address + '%eth0'));
    `);
    expect(seen).toEqual([true, true]);
  });
});
