/** What the steps of a trial are made from: other numbers, other outputs. */
export interface FleetRecipe {
  readonly n: number;
  /** A line for each execution goes here: which trial, which step, which attempt. */
  readonly log: string;
  /** Seconds that one of the steps takes; the others take a moment. */
  readonly longest: number;
  /** The others take so many times as long. */
  readonly pace?: number;
}

/** Steps of `fleetProject`, cells counted. */
export const STEPS = 15;

/** The step that takes the longest; it waits for no other. */
export const LONGEST = 'alone';

/** A project of quick steps: cells, files, folders, lists of both, code and data of its own. */
export function fleetProject({ n, log, longest, pace = 1 }: FleetRecipe): Readonly<Record<string, string>> {
  const begin = (step: string, seconds: number): string =>
    `echo "${n} ${step} $STOCKPOT_STEP" >> ${log}; sleep ${seconds}`;
  return {
    'profiles/fleet.yaml': 'executor: fleet\n',
    'data/rows.csv': `${n}\n`,
    'code/tool.sh': `#!/bin/sh\necho tool ${n}\n`,
    'recipe.yaml': `steps:
  make:
    run: |
      ${begin('make', 0.2 * pace)}
      { cat "$IN_rows"; sh code/tool.sh; } > "$OUT_made"
    inputs: { rows: ./data/rows.csv }
    code: [code/tool.sh]
    outputs: { made: made.csv }
  scale:
    matrix: { by: [1, 2, 3, 4, 5] }
    env: { BY: "{{ matrix.by }}" }
    run: |
      ${begin('scale@by=$BY', 0.3 * pace)}
      echo "$BY" | cat "$IN_made" - > "$OUT_scaled"
      mkdir "$OUT_dir"
      cp "$OUT_scaled" "$OUT_dir/x"
      echo "$BY of ${n}" > "$OUT_dir/y"
    inputs: { made: make.made }
    outputs: { scaled: scaled.csv, dir: { path: dir, kind: directory } }
  join:
    run: |
      ${begin('join', 0.2 * pace)}
      cat "$IN_all"/* > "$OUT_joined"
    inputs: { all: scale.*.scaled }
    outputs: { joined: joined.csv }
  shape:
    matrix: { to: [1, 2, 3, 4, 5] }
    env: { TO: "{{ matrix.to }}" }
    run: |
      ${begin('shape@to=$TO', 0.3 * pace)}
      { echo "$TO"; cat "$IN_joined"; cat "$IN_dirs"/*/*; } > "$OUT_shaped"
    inputs: { joined: join.joined, dirs: scale.*.dir }
    outputs: { shaped: shaped.csv }
  last:
    run: |
      ${begin('last', 0.1 * pace)}
      cat "$IN_all"/* > "$OUT_all"
    inputs: { all: shape.*.shaped }
    outputs: { all: all.csv }
  alone:
    run: |
      ${begin(LONGEST, longest)}
      echo alone ${n} > "$OUT_x"
    outputs: { x: x }
  after:
    run: |
      ${begin('after', 0.2 * pace)}
      cat "$IN_x" "$IN_made" > "$OUT_y"
    inputs: { x: alone.x, made: make.made }
    outputs: { y: y }
`,
  };
}
