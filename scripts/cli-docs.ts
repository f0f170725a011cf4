import { COMMANDS } from '../src/cli/commands.ts';
import { helpFor } from '../src/cli/help.ts';

/** `docs/cli.md`, as the declarations of the commands say it. */
export function cliDocs(): string {
  const sections = COMMANDS.map(
    (command) => `## recipe ${command.name}\n\n\`\`\`\n${helpFor(command)}\`\`\``,
  );
  return `# The command line

Written by \`npm run docs\` from \`src/cli/commands.ts\`. An address is \`RECIPE[:STEP[@axis=value][.OUTPUT]]\`; RECIPE is a
name under \`recipes/\` or a path, and may be left out in a project with one recipe. Exit codes: 0 done, 1 a step failed, 2 the
request is wrong, 3 the gate said no (with \`--require-validated\`), 69 out of reach, 70 a bug in Stockpot, 130 interrupted.

${sections.join('\n\n')}
`;
}
