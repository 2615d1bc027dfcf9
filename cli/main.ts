#!/usr/bin/env node
import { runCommandLine } from './commandline.js';
import { ignoreClosedPipes } from './output.js';

ignoreClosedPipes();
await runCommandLine(process.argv.slice(2));
