import { Argument, Command } from 'commander';
import { commandTree } from '../commandtree.js';
import { bashCompletion } from '../completion/bash.js';
import { type CompletedCommand, completedCommands } from '../completion/expected.js';
import { fishCompletion } from '../completion/fish.js';
import { zshCompletion } from '../completion/zsh.js';
import { print } from '../output.js';

type Shell = 'bash' | 'zsh' | 'fish';

const SCRIPTS: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export const completionCommand: Command = new Command('completion')
  .summary('print a script that completes command lines in a shell')
  .description(
    'Prints a script that completes commands, options, running interfaces and configurations when Tab is pressed. The script starts no other program, so it is as fast as the shell.',
  )
  .addArgument(
    new Argument('<SHELL>', 'the shell that reads the script').choices(Object.keys(SCRIPTS)),
  )
  .addHelpText(
    'after',
    `
Examples:
  source <(wg-ts completion bash)
  wg-ts completion bash | sudo tee /usr/share/bash-completion/completions/wg-ts >/dev/null
  wg-ts completion zsh | sudo tee /usr/local/share/zsh/site-functions/_wg-ts >/dev/null
  wg-ts completion fish >~/.config/fish/completions/wg-ts.fish`,
  )
  .action((shell: Shell, _options: unknown, command: Command) => {
    const program = commandTree(command.parent ?? command);
    print(SCRIPTS[shell](completedCommands(program)));
  });
