// A program with a tunnel that has an interface of the system's: embedded.mjs MODULE FILE NAME WHAT
//   unref    says `up`, unreferences it and has nothing else to do
//   worker   has it in a worker, which is terminated at SIGUSR2; then ends at SIGTERM
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const [module, file, name, what] = isMainThread ? process.argv.slice(2) : workerData;

const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
});

if (isMainThread && what === 'worker') {
  const spawn = async () => {
    const worker = new Worker(fileURLToPath(import.meta.url), {
      workerData: process.argv.slice(2),
    });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    return worker;
  };
  // The first leaves what every other one uses again.
  await (await spawn()).terminate();
  const before = held();
  let worker = await spawn();
  console.log('up');
  process.on('SIGUSR2', async () => {
    await worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    console.log(JSON.stringify({ before, after: held() }));
    worker = await spawn();
    console.log('up again');
  });
  process.once('SIGTERM', async () => {
    await worker.terminate();
    process.exit();
  });
  setInterval(() => undefined, 1000);
} else {
  const { connect } = await import(pathToFileURL(module).href);
  const tunnel = await connect(readFileSync(file, 'utf8'), { name });
  if (isMainThread) {
    console.log('up');
    tunnel.unref();
  } else parentPort.postMessage('up');
}
