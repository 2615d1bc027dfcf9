import { expect } from 'vitest';
import { type Lab, labTest, Namespace } from '../support/lab.js';
import { describeSystem, isReference, TUNNEL } from '../support/requirements.js';
import { clientSpec, INNER, PORT, startServer } from '../support/topology.js';
import { ping } from '../support/traffic.js';
import { Client } from '../support/tunnel.js';

const TEST_MS = 240_000;
const READ_ONLY =
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';

/** As in a container without privileges over its host: /proc/sys cannot be written. */
class Container extends Namespace {
  override inside(argv: readonly string[]): string[] {
    return super.inside(['sh', '-c', READ_ONLY, 'sh', ...argv]);
  }
}

/** A full tunnel out of a container whose reverse path filter has a mode of rp_filter. */
async function tunnelOf(lab: Lab, mode: 0 | 1): Promise<Client> {
  const [here, there] = [await lab.namespace('client'), await lab.namespace('server')];
  const [clientEnd, serverEnd] = await lab.link(here, there);
  await here.ip(`route add default via ${serverEnd.v4}`);
  for (const which of ['all', 'default', clientEnd.device])
    await here.mustRun(['sysctl', '-qw', `net.ipv4.conf.${which}.rp_filter=${mode}`]);
  const { ours, theirs } = await startServer(lab, there);
  return new Client(
    lab,
    new Container(lab, here.name),
    clientSpec(ours, {
      publicKey: theirs.publicKey,
      allowedIps: ['0.0.0.0/0'],
      endpoint: `${serverEnd.v4}:${PORT}`,
    }),
  );
}

describeSystem('a full tunnel where /proc/sys is read-only', TUNNEL, () => {
  const subjectTest = labTest.skipIf(isReference);

  subjectTest(
    'comes up with a warning, and carries packets',
    async ({ lab }) => {
      const client = await tunnelOf(lab, 0);
      const { code, stdout, stderr } = await client.tryUp();
      expect(code).toBe(0);
      expect(stdout + stderr).toContain('net.ipv4.conf.all.src_valid_mark=1 cannot be set (EROFS)');
      expect(await ping(client.namespace, INNER.server.v4)).toMatchObject({ received: 3 });
      await client.down();
    },
    TEST_MS,
  );

  subjectTest(
    'does not come up when replies would be dropped, and says what sets it',
    async ({ lab }) => {
      const client = await tunnelOf(lab, 1);
      const { code, stderr } = await client.tryUp();
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/EROFS, and veth\d+ would drop the server's replies/);
      expect(stderr).toContain('docker run --sysctl net.ipv4.conf.all.src_valid_mark=1');
      expect(lab.traces().filter((file) => file.includes(client.name))).toEqual([]);
    },
    TEST_MS,
  );
});
