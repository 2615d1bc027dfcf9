/** What Windows starts as a service in the tests: a tunnel without a network, which logs its life. */
import { setTimeout as sleep } from 'node:timers/promises';
import { controlPipe, serveControl } from '../../../cli/runtime/stoppipe.js';
import { runTunnelService } from '../../../cli/service/windows/run.js';
import { useRecordedAdvapi32 } from '../support/advapi32.js';

useRecordedAdvapi32();
const args = process.argv.slice(2);
const name = args.at(-1) ?? '';

process.exitCode = await runTunnelService(name, async ({ stop, log, running }) => {
  log.append(`started with ${args.join(' ')}`);
  const end = new AbortController();
  stop.addEventListener('abort', () => end.abort());
  const control = await serveControl(controlPipe(name), { stop: () => end.abort(), log });
  if (name === 'failing') {
    await control.close();
    return 7;
  }
  if (name === 'slow') await Promise.race([sleep(20_000), ended(end.signal)]);
  if (!end.signal.aborted) running();
  log.append('up');
  await ended(end.signal);
  log.append(stop.aborted ? 'down by Windows' : 'down by the pipe');
  await control.close();
  return 0;
});
process.exit();

async function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
