/** What a process of its own does for the tests of the runtime: FOLDER NAME and then a verb. */
import { writeFileSync } from 'node:fs';
import { claimName } from '../../../cli/runtime/claim.js';
import { withLock } from '../../../cli/runtime/lock.js';
import { StateFolder } from '../../../cli/runtime/state.js';
import { controlPipe, serveControl } from '../../../cli/runtime/stoppipe.js';
import { useRecordedAdvapi32 } from '../support/advapi32.js';

const [folderPath = '', name = '', verb = '', undoFile = ''] = process.argv.slice(2);
useRecordedAdvapi32();
const folder = new StateFolder(folderPath);
const forever = (): Promise<void> => new Promise(() => setInterval(() => undefined, 1000));
const tellReady = (): void => writeFileSync(`${folder.path}\\${name}.ready`, '');

switch (verb) {
  case 'lock':
    folder.create();
    await withLock(folder.lockFile, async () => {
      tellReady();
      await forever();
    });
    break;
  case 'deaf':
  case 'claim': {
    const claim = await claimName(name, { folder });
    claim.record([
      {
        argv: [
          `${process.env['SystemRoot']}\\System32\\cmd.exe`,
          '/d',
          '/s',
          '/c',
          `"echo undone>${undoFile}"`,
        ],
      },
    ]);
    claim.ready();
    if (verb === 'claim')
      await serveControl(controlPipe(name), {
        stop() {
          claim.release();
          process.exit(0);
        },
      });
    tellReady();
    await forever();
  }
}
