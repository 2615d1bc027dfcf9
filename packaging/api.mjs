// Compares the public API, as in the built declarations, with the reports in api/, so that no change goes
// unnoticed.
//
//   api.mjs            fails when a report differs: `npm run check:api`, after a build
//   api.mjs --update   writes the reports: `npm run api`, to be committed with the change
//
// In both cases a type that the API uses but does not export is an error.
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isUpdate = process.argv.includes('--update');
/** Reported below instead, with the command that fixes it. */
const TOLD_BELOW = new Set([
  'console-api-report-created',
  'console-api-report-copied',
  'console-api-report-not-copied',
]);
let failed = false;

if (isUpdate) mkdirSync(join(root, 'packaging/api'), { recursive: true });

for (const file of ['api-extractor.json', 'api-extractor.protocol.json']) {
  const config = ExtractorConfig.loadFileAndPrepare(join(root, 'packaging', file));
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: isUpdate,
    messageCallback(message) {
      const isNews = [ExtractorLogLevel.Error, ExtractorLogLevel.Warning].includes(
        message.logLevel,
      );
      message.handled = true;
      if (!isNews || TOLD_BELOW.has(message.messageId)) return;
      failed = true;
      const place = message.sourceFilePath
        ? `${message.sourceFilePath}:${message.sourceFileLine}: `
        : '';
      console.error(`${place}${message.messageId}: ${message.text}`);
    },
  });
  if (errorCount > 0) failed = true;
  const report = `packaging/api/${basename(config.reportFilePath)}`;
  if (apiReportChanged && isUpdate) console.log(`${report} is written: commit it with the change`);
  if (apiReportChanged && !isUpdate) {
    failed = true;
    console.error(
      `${report} is not what the built API is: run \`npm run api\`, and look at the diff`,
    );
  }
}
process.exitCode = failed ? 1 : 0;
