import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest, StepId } from '../core/ids.ts';
import type { JsonObject } from '../core/json.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { Plan, PlanInput, PlanStep } from '../core/plan.ts';
import type { Store } from '../store/store.ts';
import { byBytes, readTree, treeSize } from '../store/trees.ts';
import type { MadeStep } from './made-steps.ts';
import { outsidePath } from './outside-path.ts';
import type { ResolvedInput } from './ports.ts';
import type { ReproducedFile, ReproducedReference, Reproduction } from './reproduction.ts';

export interface RecordOptions {
  readonly store: Store;
  readonly projectDir: string;
  readonly plan: Plan;
  /** Stockpot's version. */
  readonly version: string;
  /** Whether root inputs are kept by their bytes. */
  readonly keepInputs: boolean;
}

/** What made a model, from the steps that were done for it; undefined if none of them made it. */
export function recordReproduction(
  model: Digest,
  made: readonly MadeStep[],
  { store, projectDir, plan, version, keepInputs }: RecordOptions,
): Reproduction | undefined {
  const maker = made.findLast(({ outputs }) => outputNamed(outputs, model) !== undefined);
  const output = maker === undefined ? undefined : outputNamed(maker.outputs, model);
  if (maker === undefined || output === undefined) return undefined;
  const steps = closure(maker, made);
  const book = new FileBook(store, projectDir);
  for (const path of peoplesFiles(plan, steps)) book.add(path, 'recipe', true);
  for (const path of ['package.json', 'package-lock.json']) book.add(path, 'packages', true);
  const references = new Map<string, ReproducedReference>();
  for (const { step, task } of steps) {
    const config = new Set(step.configFiles.map((key) => step.config[key]));
    for (const { path } of task.code) book.add(path, config.has(path) ? 'config' : 'code', true);
    if (step.probe?.kind === 'file') book.add(step.probe.path, 'input', keepInputs);
    for (const input of task.inputs) {
      const written = step.inputs[input.name];
      if (written !== undefined) addInput(written, input, { book, references, store, keepInputs });
    }
  }
  return {
    v: 1,
    stockpot: version,
    model: { step: maker.step.id, output, digest: model },
    plan: cutDown(plan, steps),
    steps: steps.map(({ step, task, outputs }) => ({
      id: step.id,
      fingerprint: task.fingerprint,
      document: JSON.parse(task.document) as JsonObject,
      outputs,
    })),
    files: book.files.toSorted((a, b) => byBytes(a.path, b.path)),
    references: [...references.values()],
  };
}

function outputNamed(outputs: MadeStep['outputs'], digest: Digest): string | undefined {
  return Object.entries(outputs).find(([, output]) => output.digest === digest)?.[0];
}

function closure(maker: MadeStep, made: readonly MadeStep[]): MadeStep[] {
  const needed = new Set<StepId>([maker.step.id]);
  // In the order of the plan a step stands behind what it needs.
  for (const { step } of made.toReversed())
    if (needed.has(step.id)) for (const need of step.needs) needed.add(need);
  return made.filter(({ step }) => needed.has(step.id));
}

/** What nothing depends on but people want to see: recipe, profile, the declarations of components. */
function peoplesFiles({ file, profile }: Plan, steps: readonly MadeStep[]): string[] {
  const profiles = profile === undefined ? [] : [`profiles/${profile}.yaml`];
  const own = steps.flatMap(({ step: { action } }) =>
    action.kind === 'own' ? [join(dirname(action.entry), 'component.yaml')] : [],
  );
  return [file, ...profiles, ...profiles.map((path) => join(dirname(file), path)), ...own];
}

function join(dir: string, path: string): string {
  return dir === '.' ? path : `${dir}/${path}`;
}

/** Files of the project by path, each once. */
class FileBook {
  readonly #store: Store;
  readonly #projectDir: string;
  readonly #files = new Map<string, ReproducedFile>();

  constructor(store: Store, projectDir: string) {
    this.#store = store;
    this.#projectDir = projectDir;
  }

  get files(): ReproducedFile[] {
    return [...this.#files.values()];
  }

  /** A file that is not there is left out. */
  add(from: string, role: ReproducedFile['role'], isKept: boolean, path = from): void {
    const known = this.#files.get(path);
    if (known?.isKept === true) return;
    const file = this.#store.files.sync(resolve(this.#projectDir, from));
    if (file === undefined) return;
    this.#files.set(path, {
      path,
      ...(path === from ? {} : { from }),
      digest: file.digest,
      size: file.size,
      ...((file.mode & 0o100) === 0 ? {} : { executable: true as const }),
      role,
      isKept,
    });
  }
}

interface Books {
  readonly book: FileBook;
  readonly references: Map<string, ReproducedReference>;
  readonly store: Store;
  readonly keepInputs: boolean;
}

function addInput(written: PlanInput, input: ResolvedInput, books: Books): void {
  const { book, references, store, keepInputs } = books;
  if (written.kind === 'list' && input.from === 'list')
    written.items.forEach((item, index) => {
      const one = input.items[index]?.input;
      if (one !== undefined) addInput(item, one, books);
    });
  if (input.from === 'project') {
    const outside =
      written.kind === 'uri' ? { uri: written.uri, root: fileURLToPath(written.uri) } : undefined;
    for (const { path } of input.files)
      book.add(
        path,
        'input',
        keepInputs,
        outside === undefined ? path : `${outsidePath(outside.uri)}${path.slice(outside.root.length)}`,
      );
  }
  if (written.kind !== 'uri' && written.kind !== 'model') return;
  const reference = written.kind === 'uri' ? written.uri : written.reference;
  if (input.from === 'none')
    references.set(reference, {
      reference,
      digest: 'none',
      kind: 'none',
      extension: '',
      size: 0,
      isKept: true,
    });
  if (input.from !== 'store') return;
  const { digest, kind, extension } = input;
  const size = isTree(kind as OutputKind)
    ? treeSize(readTree(store.blobs, digest))
    : (store.blobs.size(digest) ?? 0);
  references.set(reference, { reference, digest, kind, extension, size, isKept: keepInputs });
}

/** Only what a run of these steps needs to know: no addresses, no effects. */
function cutDown(plan: Plan, steps: readonly MadeStep[]): Plan {
  const { limits, secrets, salt } = plan.settings;
  return {
    v: 1,
    recipe: plan.recipe,
    file: plan.file,
    ...(plan.template === undefined ? {} : { template: plan.template }),
    ...(plan.profile === undefined ? {} : { profile: plan.profile }),
    seed: plan.seed,
    recipeKeys: plan.recipeKeys,
    settings: { effects: 'none', limits, secrets, ...(salt === undefined ? {} : { salt }) },
    steps: steps.map(({ step }) => withoutPlaces(step)),
    warnings: [],
  };
}

/** A cached plan's step carries a text that follows from the rest; a file elsewhere on the disk comes into the project. */
function withoutPlaces(step: PlanStep & { readonly staticText?: string }): PlanStep {
  const { staticText: _, ...rest } = step;
  return {
    ...rest,
    inputs: Object.fromEntries(
      Object.entries(step.inputs).map(([name, input]) => [name, insideProject(input, step)]),
    ),
  };
}

function insideProject(input: PlanInput, step: PlanStep): PlanInput {
  if (input.kind === 'list')
    return { kind: 'list', items: input.items.map((item) => insideProject(item, step)) };
  if (input.kind !== 'uri' || !input.uri.startsWith('file:')) return input;
  return { kind: 'path', path: outsidePath(input.uri), glob: false, at: step.at };
}
