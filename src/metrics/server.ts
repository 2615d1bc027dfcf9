import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopback } from '../../network/family.js';
import type { Scheduled } from '../../system/clock.js';
import { messageOf, WgTsError } from '../../system/errors.js';
import { formatEndpoint } from '../config/format.js';
import { Health, type PeerProblem } from './health.js';
import type { MetricsAddress, MetricsOptions, MetricsServer, MetricsSource } from './model.js';
import { createMetrics, type TunnelMetrics } from './registry.js';

/** A collector has one or two; the others are for people. */
const MAX_CONNECTIONS = 16;
const MAX_HEADER_BYTES = 8192;
const TIMEOUT_MS = 5000;
/** How often sent traffic is checked, even without requests. */
const LOOK_MS = 5000;

type Needed = Required<Pick<MetricsOptions, 'clock' | 'logger'>>;

/** See `serveMetrics`. */
export async function startMetricsServer(
  source: MetricsSource,
  address: MetricsAddress,
  { clock, logger }: Needed,
): Promise<MetricsServer> {
  const health = new Health();
  const moment = () => ({ now: clock.now(), wallNanos: clock.wallNanos() });
  const examine = (): Examined => {
    const status = source.status();
    health.look(status, moment());
    return { status, problems: health.problems(status, moment()) };
  };
  const metrics = createMetrics(() => {
    const { status, problems } = examine();
    return { status, isHealthy: problems.length === 0 };
  });
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS },
    (request, response) => void answer(request, response, { metrics, examine, logger }),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = TIMEOUT_MS;
  // Applies to a client that does not read, too.
  server.timeout = TIMEOUT_MS;
  try {
    await listen(server, address);
  } catch (error) {
    metrics.close();
    throw explainFailure(error, address);
  }
  const bound = { host: address.host, port: (server.address() as AddressInfo).port };
  if (!isLoopback(address.host))
    logger.warn(
      `anyone who can reach ${formatEndpoint(bound)} can read the metrics: keys of peers, their networks and traffic`,
    );
  server.on('error', (error) => logger.warn(`metrics: ${error.message}`));
  const looking = lookAgain(clock, examine, logger);
  return {
    address: bound,
    unref() {
      looking.unref();
      server.unref();
      server.on('connection', (socket) => socket.unref());
    },
    async close() {
      looking.cancel();
      metrics.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Examined {
  readonly status: ReturnType<MetricsSource['status']>;
  readonly problems: readonly PeerProblem[];
}

/** Runs until reading fails, which means that the tunnel went down before its metrics. */
function lookAgain(
  clock: Needed['clock'],
  examine: () => Examined,
  logger: Needed['logger'],
): Required<Scheduled> {
  let timer: Scheduled | undefined;
  let isRef = true;
  const look = (): void => {
    try {
      examine();
      timer = clock.schedule(LOOK_MS, look);
      if (!isRef) timer.unref?.();
    } catch (error) {
      logger.warn(`metrics: ${messageOf(error)}`);
    }
  };
  look();
  return {
    cancel: () => timer?.cancel(),
    unref() {
      isRef = false;
      timer?.unref?.();
    },
  };
}

function listen(server: Server, { host, port }: MetricsAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host.includes(':') }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function explainFailure(error: unknown, address: MetricsAddress): WgTsError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const where = formatEndpoint(address);
  if (code === 'EADDRINUSE')
    return new WgTsError('ERR_PORT_IN_USE', `metrics: another program listens at ${where}`, {
      hint: 'give Metrics or --metrics another port: each tunnel needs one of its own',
      cause: error,
    });
  if (code === 'EADDRNOTAVAIL')
    return new WgTsError(
      'ERR_USAGE',
      `metrics: ${address.host} is not an address of this machine`,
      {
        hint: 'Metrics = 127.0.0.1:9586 is for programs on this machine alone',
        cause: error,
      },
    );
  if (code === 'EACCES')
    return new WgTsError('ERR_UNSUPPORTED', `metrics: this user may not listen at ${where}`, {
      hint: 'ports below 1024 are for root: choose a higher one',
      cause: error,
    });
  return new WgTsError('ERR_USAGE', `metrics: cannot listen at ${where}: ${message}`, {
    hint: 'Metrics = 127.0.0.1:9586 is for programs on this machine alone',
    cause: error,
  });
}

interface Answering {
  readonly metrics: TunnelMetrics;
  readonly examine: () => Examined;
  readonly logger: Needed['logger'];
}

/** Never rejects. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, examine, logger }: Answering,
): Promise<void> {
  try {
    if (request.method !== 'GET') {
      // The body is not read, so the connection cannot be reused.
      response.writeHead(405, { Allow: 'GET', Connection: 'close' }).end();
      return;
    }
    const [path] = (request.url ?? '').split('?');
    if (path === '/metrics') send(response, 200, metrics.contentType, await metrics.text());
    else if (path === '/healthz') sendHealth(response, examine());
    else send(response, 404, 'text/plain; charset=utf-8', 'there are /metrics and /healthz\n');
  } catch (error) {
    logger.warn(`metrics: ${messageOf(error)}`);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { Connection: 'close' }).end();
  }
}

function sendHealth(response: ServerResponse, { status, problems }: Examined): void {
  const isHealthy = problems.length === 0;
  const body = {
    status: isHealthy ? 'healthy' : 'unhealthy',
    interface: status.name,
    problems,
  };
  send(response, isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, code: number, type: string, body: string): void {
  response
    .writeHead(code, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    .end(body);
}
