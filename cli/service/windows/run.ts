/** The process of a service, which runs one tunnel. */
import { messageOf, WgTsError } from '../../../system/errors.js';
import { WindowsCallError } from '../../../system/windows/callerror.js';
import { type EventLog, openEventLog } from '../../../system/windows/eventlog.js';
import { ownByUser } from '../../../system/windows/process.js';
import { runService, type ServiceProcess } from '../../../system/windows/service/dispatcher.js';
import { serviceSid } from '../../../system/windows/sid.js';
import { RingLog } from '../../runtime/ringlog.js';
import { StateFolder } from '../../runtime/state.js';
import { EVENT_SOURCE, serviceNameOf } from './services.js';

export interface TunnelServiceContext {
  /** The service SID, by which Windows and its firewall identify this process. */
  readonly sid: string;
  /** Aborted when Windows, or `wg-ts down`, asks for the end. */
  readonly stop: AbortSignal;
  readonly log: RingLog;
  readonly events: EventLog;
  /** Call it when the tunnel is up. */
  readonly running: () => void;
}

/**
 * Runs `work` under Windows' service control manager. Resolves to its exit code. Throws WgTsError when this
 * process was not started by Windows.
 */
export async function runTunnelService(
  name: string,
  work: (context: TunnelServiceContext) => Promise<number>,
): Promise<number> {
  try {
    return await runService({
      name: serviceNameOf(name),
      run: (stop, service) =>
        withLogs(name, (logs) =>
          work({ sid: serviceSid(serviceNameOf(name)), stop, ...logs, running: told(service) }),
        ),
    });
  } catch (error) {
    if (!(error instanceof WindowsCallError)) throw error;
    throw new WgTsError('ERR_USAGE', 'service run is for the Windows service manager only', {
      hint: `wg-ts service start ${name}`,
      cause: error,
    });
  }
}

function told(service: ServiceProcess): () => void {
  return () => service.running();
}

async function withLogs(
  name: string,
  use: (logs: { log: RingLog; events: EventLog }) => Promise<number>,
): Promise<number> {
  const events = openEvents();
  let log: RingLog | undefined;
  try {
    // Before anything is created: wg.exe trusts only pipes owned by SYSTEM.
    ownByUser();
    const folder = new StateFolder();
    folder.create();
    log = new RingLog(folder.logFile(name));
    return await use({ log, events });
  } catch (error) {
    events.report('error', `${name}: ${messageOf(error)}`);
    return 1;
  } finally {
    log?.close();
    events.close();
  }
}

/** The event log may be turned off on this machine. */
function openEvents(): EventLog {
  try {
    return openEventLog(EVENT_SOURCE);
  } catch {
    return { report: () => undefined, close: () => undefined };
  }
}
