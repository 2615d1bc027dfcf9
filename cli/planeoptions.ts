import { InvalidArgumentError, Option } from 'commander';

const MAX_WORKERS = 16;

export function dataPlaneOption(): Option {
  return new Option(
    '--data-plane <PLANE>',
    'what moves the packets (default: native where it loads)',
  ).choices(['native', 'portable']);
}

export function workersOption(): Option {
  return new Option(
    '--workers <COUNT>',
    'threads of the native data plane (default: one a core, up to 4)',
  ).argParser(parseWorkers);
}

function parseWorkers(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new InvalidArgumentError(`It is 1 to ${MAX_WORKERS}.`);
}
