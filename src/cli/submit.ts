import { Project } from '../compose.ts';
import { Submissions } from '../compose-submissions.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { locateRecipe, parseAddress } from '../recipe/address.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, flag, list, type Parsed, text, warningsTo } from './context.ts';
import { jsonLine } from './json-line.ts';
import { forced, selectionOf } from './run-options.ts';

/** What does not travel with a run. */
const HERE_ONLY = [
  'jobs',
  'offline',
  'allowChangingInputs',
  'requireValidated',
  'unsafeRedis',
  'tracking',
  'database',
] as const;

/** `recipe run --submit`: hands the run to a driver, and does not wait for it. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  for (const name of HERE_ONLY)
    if (options[name] !== undefined && options[name] !== false)
      throw new RecipeError('USAGE', {
        problem: `--${kebab(name)} is about a run on this machine, and --submit hands it over: write it into the profile`,
        command: 'run',
      });
  const { recipe } = parseAddress(args[0]);
  const location = locateRecipe(recipe, context.cwd);
  await using project = new Project(location.projectDir, context, addressesOf(options));
  await using submissions = await Submissions.open(project, context);
  const { id, remote } = await submissions.submit({
    location,
    profile: text(options, 'profile'),
    set: list(options, 'set'),
    selection: selectionOf(options),
    force: forced(options),
    keepGoing: flag(options, 'keepGoing'),
    onWarning: warningsTo(context),
  });
  sayAccepted(id, remote, { json: flag(options, 'json'), context });
  return ExitCode.ok;
}

/** What whoever submitted a run does next. */
export function sayAccepted(
  id: string,
  remote: string | undefined,
  { json, context }: { readonly json: boolean; readonly context: Context },
): void {
  if (json) return context.out(jsonLine({ run: id, state: 'waiting' }));
  const where = remote === undefined ? 'in this folder' : `on a machine that shares ${remote}`;
  context.out(`${id} is submitted: \`recipe worker --drive 1\` ${where} runs it\n`);
  context.out(`  recipe attach ${id}   follows it\n  recipe cancel ${id}   ends it\n`);
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
