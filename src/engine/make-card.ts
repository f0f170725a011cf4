import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { canonicalJson } from '../core/canonical-json.ts';
import { CARD_BLOCKS, type CardBlock } from '../core/card-block.ts';
import { describeFailure } from '../core/failure.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { World } from '../core/world.ts';
import type { CardFile } from '../step/define-card.ts';
import { digestOf } from '../store/hash.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import type { Result } from '../store/results.ts';
import type { Store } from '../store/store.ts';
import { cleanEnvironment } from './attempt-environment.ts';
import type { Launcher } from './launcher.ts';
import { materialise } from './materialise.ts';
import { readReport } from './read-report.ts';
import { CodeBook } from './step-code.ts';

/** A module that may export `card`, and the folder that its path starts at. */
export interface CardModule {
  readonly root: string;
  readonly entry: string;
}

export interface CardShop {
  readonly store: Store;
  readonly launcher: Launcher;
  /** The program that runs a card's module, absolute: `step/card-child`, after Node's own. */
  readonly child: readonly [node: string, module: string];
  readonly attemptsDir: string;
  readonly projectDir: string;
  readonly world: World;
  readonly signal: AbortSignal;
}

const LIMIT_MS = 60_000;
const MAX_BYTES = 16 << 20;

/**
 * The blocks of a step's card. A step may write them itself, as an output `card` of kind `value`; else the
 * first of `modules` that exports `card` makes them, in a process of its own, as it is somebody's code.
 * What it made is kept by (outputs, configuration, code) in `index.db`.
 *
 * @throws RecipeError CARD_FAILED, and BlobDamaged if an output is lost
 */
export async function makeCard(
  step: PlanStep,
  result: Result,
  modules: readonly CardModule[],
  shop: CardShop,
): Promise<readonly CardBlock[]> {
  const own = result.outputs['card'];
  if (own?.kind === 'value') return checked(step, shop.store.blobs.read(own.digest).toString('utf8'), 'card');
  for (const module of modules) {
    const key = keyOf(step, result, module, shop);
    const text = recall(shop.store, key) ?? (await made(step, result, module, shop));
    if (text === 'null') continue;
    const blocks = checked(step, text, module.entry);
    shop.store.index.prepare('INSERT OR REPLACE INTO card VALUES (?, ?)').run(key, text);
    return blocks;
  }
  return [];
}

function keyOf(step: PlanStep, result: Result, { root, entry }: CardModule, { store }: CardShop): string {
  const code = new CodeBook(root, store.files).of({
    ...step,
    code: [],
    action: { kind: 'own', entry, runtime: 'node' },
  });
  const outputs = Object.entries(result.outputs).map(([name, { digest }]) => [name, digest]);
  return digestOf(
    canonicalJson([step.id, step.config, outputs, result.report?.digest ?? null, code as unknown as Json]),
  );
}

function recall({ index }: Store, key: string): string | undefined {
  const row = index.prepare('SELECT blocks FROM card WHERE key = ?').get(key);
  return row === undefined ? undefined : String(row['blocks']);
}

/** Runs the module in a folder with the outputs as links, and gives the JSON that it wrote. */
async function made(
  step: PlanStep,
  result: Result,
  { root, entry }: CardModule,
  shop: CardShop,
): Promise<string> {
  const dir = join(shop.attemptsDir, `card-${randomUUID()}`);
  const [file, target] = [join(dir, 'step.json'), join(dir, 'card.json')];
  for (const name of ['out', 'tmp']) makePrivateFolder(join(dir, name));
  try {
    writeFileSync(file, JSON.stringify(await fileOf(step, result, dir, shop)));
    const timeout = AbortSignal.timeout(LIMIT_MS);
    const said: string[] = [];
    const exit = await shop.launcher.launch({
      program: { kind: 'argv', argv: [...shop.child, join(root, entry), file, target] },
      cwd: dir,
      env: { ...cleanEnvironment(shop.world.env), HOME: join(dir, 'tmp'), TMPDIR: join(dir, 'tmp') },
      signal: AbortSignal.any([shop.signal, timeout]),
      graceMs: 1000,
      onOutput: (_, chunk) => {
        if (said.length < 100) said.push(chunk.toString('utf8'));
      },
      onStart: () => {},
    });
    shop.signal.throwIfAborted();
    if (timeout.aborted) throw failed(step, entry, `it took longer than ${LIMIT_MS / 1000} s`);
    if (exit.kind === 'not-started') throw failed(step, entry, exit.message);
    if (exit.kind === 'signalled' || exit.code !== 0) throw failed(step, entry, causeOf(said.join(''), exit));
    const bytes = readFileSync(target);
    if (bytes.length > MAX_BYTES) throw failed(step, entry, `it gave more than ${MAX_BYTES >> 20} MiB`);
    return bytes.toString('utf8');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function fileOf(
  step: PlanStep,
  result: Result,
  dir: string,
  { store, projectDir }: CardShop,
): Promise<CardFile> {
  const outputs: Record<string, string> = {};
  const kinds: Record<string, CardFile['kinds'][string]> = {};
  for (const [name, { digest, kind }] of Object.entries(result.outputs)) {
    const extension = extname(step.outputs[name]?.path ?? '');
    const path = await materialise({ name, kind, digest, from: 'store', extension }, join(dir, 'out'), {
      store,
      projectDir,
    });
    if (path !== undefined) outputs[name] = path;
    kinds[name] = kind;
  }
  const report = readReport(store, result.fingerprint);
  return { step: step.id, config: step.config, outputs, kinds, report, tmp: join(dir, 'tmp') };
}

const MAX_BLOCKS = 500;

function checked(step: PlanStep, text: string, from: string): readonly CardBlock[] {
  const problem = (said: string): RecipeError => failed(step, from, said);
  let blocks: unknown;
  try {
    blocks = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw problem(error.message);
  }
  if (!Array.isArray(blocks) || blocks.length > MAX_BLOCKS)
    throw problem(`it gave no list of at most ${MAX_BLOCKS} blocks`);
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  for (const [index, block] of (blocks as unknown[]).entries()) {
    const kind = isJsonObject(block) ? String(block['kind']) : '';
    if (!Object.hasOwn(CARD_BLOCKS, kind))
      throw problem(`block ${index + 1} has no kind of ${Object.keys(CARD_BLOCKS).join(', ')}`);
    if (!ajv.validate(CARD_BLOCKS[kind as keyof typeof CARD_BLOCKS], block))
      throw problem(`block ${index + 1}: ${ajv.errorsText(ajv.errors, { dataVar: kind })}`);
  }
  return blocks as readonly CardBlock[];
}

function causeOf(
  said: string,
  exit: { kind: 'signalled'; signal: string } | { kind: 'exited'; code: number },
): string {
  const line = said.split('\n').find((one) => /^(?:\w*Error\b|Uncaught )/.test(one));
  if (line !== undefined) return line;
  return describeFailure(
    exit.kind === 'exited'
      ? { reason: 'exited', exitCode: exit.code }
      : { reason: 'killed', signal: exit.signal },
  );
}

function failed(step: PlanStep, module: string, problem: string): RecipeError {
  return new RecipeError('CARD_FAILED', { step: step.id, module, problem });
}
