import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type MetricsServer, serveMetrics, type TunnelStatus } from '../../src/index.js';
import { MemoryLogger, VirtualClock } from '../src/support.js';
import { waitFor } from '../support/waiting.js';
import { parseExposition, sampleValue } from './exposition.js';
import { KEY, peerStatus, tunnelStatus } from './support.js';

const ANY_PORT = { host: '127.0.0.1', port: 0 };
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Served {
  readonly server: MetricsServer;
  readonly clock: VirtualClock;
  readonly logger: MemoryLogger;
  status: TunnelStatus;
}

async function serve(status: TunnelStatus, host = '127.0.0.1'): Promise<Served> {
  const clock = new VirtualClock();
  const logger = new MemoryLogger();
  const served = { status, clock, logger };
  const source = { status: () => served.status };
  const server = await serveMetrics(source, { host, port: 0 }, { clock, logger });
  closing.push(() => server.close());
  return Object.assign(served, { server });
}

interface Answer {
  readonly code: number | undefined;
  readonly type: string | undefined;
  readonly allow: string | undefined;
  readonly body: string;
}

function ask(server: MetricsServer, path: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...server.address, path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      const { 'content-type': type, allow } = response.headers;
      response.once('end', () => resolve({ code: response.statusCode, type, allow, body }));
    });
    asked.once('error', reject);
    asked.end();
  });
}

/** What comes back for `bytes` until the server hangs up. */
function raw(server: MetricsServer, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(server.address.port, server.address.host, () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.once('close', () => resolve(answer));
    socket.once('error', reject);
  });
}

describe('/metrics', () => {
  const peers = [
    peerStatus({ rxBytes: 12n, txBytes: 2n ** 40n, latestHandshake: 1_750_000_000_999_999_999n }),
    peerStatus({ publicKey: 'mR5yNb1sTq8ZfKw3XcLd6VgHj9PuEa2GoUi7YxQt4Bs=', allowedIps: [] }),
  ];

  it('is the format of Prometheus, with the names of its WireGuard exporter', async () => {
    const { server } = await serve(tunnelStatus(peers));
    const { code, type, body } = await ask(server, '/metrics');
    expect([code, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const families = parseExposition(body);
    const labels = { interface: 'office', public_key: KEY, allowed_ips: '10.0.0.0/24,fd00::/64' };
    expect(sampleValue(families, 'wireguard_sent_bytes_total', labels)).toBe(2 ** 40);
    expect(sampleValue(families, 'wireguard_received_bytes_total', labels)).toBe(12);
    expect(sampleValue(families, 'wireguard_latest_handshake_seconds', labels)).toBe(1_750_000_000);
    expect(sampleValue(families, 'wireguard_latest_handshake_seconds', { allowed_ips: '' })).toBe(
      0,
    );
    expect(sampleValue(families, 'wg_ts_tunnel_info', { data_plane: 'portable' })).toBe(1);
    expect(sampleValue(families, 'wg_ts_tunnel_mtu_bytes')).toBe(1420);
    expect(sampleValue(families, 'wg_ts_tunnel_up', { interface: 'office' })).toBe(1);
    expect(sampleValue(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(sampleValue(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(sampleValue(families, 'nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6);
    expect(sampleValue(families, 'nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(sampleValue(families, 'nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(0);
    expect(sampleValue(families, 'process_start_time_seconds')).toBeGreaterThan(1.6e9);
  });

  it('is up to date, without what is gone', async () => {
    const served = await serve(tunnelStatus(peers));
    await ask(served.server, '/metrics');
    served.status = tunnelStatus([peerStatus({ rxBytes: 100n })]);
    const families = parseExposition((await ask(served.server, '/metrics?all')).body);
    expect(sampleValue(families, 'wireguard_received_bytes_total')).toBe(100);
  });

  it('is apart for each tunnel of a process', async () => {
    const a = await serve(tunnelStatus(peers, { name: 'a' }));
    const b = await serve(tunnelStatus([], { name: 'b' }));
    expect((await ask(a.server, '/metrics')).body).not.toContain('interface="b"');
    expect((await ask(b.server, '/metrics')).body).not.toContain('interface="a"');
  });
});

describe('/healthz', () => {
  it('follows a peer that comes and goes, and agrees with wg_ts_tunnel_up', async () => {
    const served = await serve(tunnelStatus([peerStatus({ persistentKeepalive: 25 })]));
    const { server, clock } = served;
    const problems = [{ publicKey: KEY, problem: 'no handshake yet' }];
    const unwell = await ask(server, '/healthz');
    expect([unwell.code, unwell.type]).toEqual([503, 'application/json']);
    expect(JSON.parse(unwell.body)).toEqual({ status: 'unhealthy', interface: 'office', problems });
    const up = async (): Promise<number> =>
      sampleValue(parseExposition((await ask(server, '/metrics')).body), 'wg_ts_tunnel_up');
    expect(await up()).toBe(0);

    const latestHandshake = clock.wallNanos();
    served.status = tunnelStatus([peerStatus({ persistentKeepalive: 25, latestHandshake })]);
    const well = await ask(server, '/healthz');
    expect([well.code, JSON.parse(well.body)]).toEqual([
      200,
      { status: 'healthy', interface: 'office', problems: [] },
    ]);
    expect(await up()).toBe(1);

    clock.advance(181_000);
    expect((await ask(server, '/healthz')).code).toBe(503);
  });

  it('sees what was sent while nobody asked', async () => {
    const served = await serve(tunnelStatus([peerStatus()]));
    for (const txBytes of [148n, 296n, 444n, 592n]) {
      served.status = tunnelStatus([peerStatus({ txBytes })]);
      served.clock.advance(5000);
    }
    expect((await ask(served.server, '/healthz')).code).toBe(503);
  });
});

describe('the server', () => {
  it.each(['POST', 'PUT', 'DELETE', 'HEAD'])('refuses %s', async (method) => {
    const { server } = await serve(tunnelStatus([]));
    expect(await ask(server, '/metrics', method)).toMatchObject({ code: 405, allow: 'GET' });
  });

  it.each(['/', '/metrics/', '/metrics%00', '//metrics', '/../metrics'])(
    'has no %s',
    async (path) => {
      const { server } = await serve(tunnelStatus([]));
      expect((await ask(server, path)).code).toBe(404);
    },
  );

  it('refuses a long header, and anything that is not HTTP', async () => {
    const { server } = await serve(tunnelStatus([]));
    const long = `GET /metrics HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(server, long)).toMatch(/^HTTP\/1.1 431 /);
    expect(await raw(server, 'get=1\n\n')).toMatch(/^HTTP\/1.1 400 /);
    expect((await ask(server, '/metrics')).code).toBe(200);
  });

  it('serves sixteen at once, and others later', async () => {
    const { server } = await serve(tunnelStatus([]));
    const { host, port } = server.address;
    const sockets = Array.from({ length: 16 }, () => connect(port, host));
    await Promise.all(sockets.map((one) => new Promise((resolve) => one.once('connect', resolve))));
    await expect(ask(server, '/metrics')).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await waitFor(async () => expect((await ask(server, '/metrics')).code).toBe(200));
  });

  it('ends at once while a client waits, and leaves no timer', async () => {
    const { server, clock } = await serve(tunnelStatus([]));
    const waiting = raw(server, 'GET /metrics HTTP/1.1\r\n');
    await waitFor(() => expect(clock.waiting).toBe(1));
    await server.close();
    expect(await waiting.catch(() => '')).toBe('');
    expect(clock.waiting).toBe(0);
    await expect(ask(server, '/metrics')).rejects.toThrow('ECONNREFUSED');
  });

  it('answers 500 when the tunnel is gone, and logs it', async () => {
    const { server, logger, clock } = await serve(tunnelStatus([]));
    closing.length = 0;
    const broken = await serveMetrics(
      {
        status: (() => {
          let calls = 0;
          return () => {
            if (calls++ < 1) return tunnelStatus([]);
            throw new Error('it is down');
          };
        })(),
      },
      ANY_PORT,
      { clock, logger },
    );
    closing.push(
      () => server.close(),
      () => broken.close(),
    );
    expect((await ask(broken, '/healthz')).code).toBe(500);
    expect((await ask(broken, '/metrics')).code).toBe(500);
    clock.advance(5000);
    expect(logger.lines.every((line) => line === 'warn: metrics: it is down')).toBe(true);
    expect(logger.lines).toHaveLength(3);
  });

  it('warns of an address that others can reach', async () => {
    expect((await serve(tunnelStatus([]))).logger.lines).toEqual([]);
    const { logger, server } = await serve(tunnelStatus([]), '0.0.0.0');
    expect(logger.lines).toEqual([
      `warn: anyone who can reach 0.0.0.0:${server.address.port} can read the metrics: keys of peers, their networks and traffic`,
    ]);
  });

  it('reports which port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', () => resolve()));
    closing.push(() => new Promise<void>((resolve) => void other.close(() => resolve())));
    const { port } = other.address() as { port: number };
    const source = { status: () => tunnelStatus([]) };
    await expect(serveMetrics(source, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'ERR_PORT_IN_USE',
      message: `metrics: another program listens at 127.0.0.1:${port}`,
      hint: expect.stringContaining('another port'),
    });
  });

  it('reports an address that is not on this machine', async () => {
    const source = { status: () => tunnelStatus([]) };
    await expect(serveMetrics(source, { host: '192.0.2.1', port: 9 })).rejects.toMatchObject({
      code: 'ERR_USAGE',
      message: 'metrics: 192.0.2.1 is not an address of this machine',
    });
  });
});
