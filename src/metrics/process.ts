import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

const NANOS = 1e9;
const MICROS = 1e6;
const RESOLUTION_MS = 20;

/**
 * Registers metrics of this process, under the names that Prometheus clients use. prom-client's own
 * collection of them cannot be ended, so it would remain in an embedding process. Returns a function
 * that ends the collection.
 */
export function registerProcessMetrics(registry: Registry): () => void {
  const registers = [registry];
  const startedAt = Date.now() / 1000 - process.uptime();
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since the Unix epoch, in seconds.',
    registers,
    collect() {
      this.set(startedAt);
    },
  });
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of all threads of the process, in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / MICROS);
    },
  });
  registerMemory(registry);
  return registerEventLoop(registry);
}

function registerMemory(registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process, in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: 'Used part of the JavaScript heap, in bytes.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
}

/** Handshakes wait for the event loop; in the portable data plane all packets do. */
function registerEventLoop(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  new Gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Mean delay of the event loop since the last collection, in seconds.',
    registers: [registry],
    collect() {
      // The histogram measures the whole timer period.
      const lag = delay.count === 0 ? 0 : delay.mean / NANOS - RESOLUTION_MS / 1000;
      this.set(Math.max(0, lag));
    },
  });
  new Gauge({
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'Longest delay of the event loop since the last collection, in seconds.',
    registers: [registry],
    collect() {
      const lag = delay.count === 0 ? 0 : delay.max / NANOS - RESOLUTION_MS / 1000;
      this.set(Math.max(0, lag));
      delay.reset();
    },
  });
  return () => delay.disable();
}
