/** Loaded first by wg-ts in a process of its own: a machine of stand-ins, with room for an interface. */
import { setUpMachine } from '../net/machine.js';
import { FirewallDouble, NetworkDouble } from '../net/network-double.js';
import { type RecordedAdvapi32, useRecordedAdvapi32 } from '../support/advapi32.js';

/** What the double of wintun.dll gives to the first adapter of a process. */
const FIRST_ADAPTER = (53n << 48n) | (1n << 24n);

// Exported, so that they are not collected: a library goes with its last handle.
export const advapi32: RecordedAdvapi32 = useRecordedAdvapi32();
export const network: NetworkDouble = new NetworkDouble();
export const firewall: FirewallDouble = new FirewallDouble();

setUpMachine(network);
network.addInterface(FIRST_ADAPTER, 30, 'wgts-cli', 65535, 5, 3);
