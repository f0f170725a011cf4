import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

const FILES = {
  'recipe.yaml': `template: t
target_col: y
params: { rate: 0.1, rows: 5, unit: km, unused: '{{ nowhere }}' }
steps:
  fit:
    run: [fit, "{{ params.rate }}", "{{ params.unit }}"]
    env: { ROWS: "{{ params.rows }}", PLACE: "{{ PLACE }}" }
    outputs: { model: model.bin }
  cut: { column: day, using: time }
  load: { uses: ingest, with: { location: "{{ PLACE }}" } }
`,
  'templates/t.yaml': `keys:
  target_col: { type: string }
  metric: { type: string, default: mae }
steps:
  cut:
    uses: split
    inputs: { data: ./data.parquet }
    target_col: "{{ recipe.target_col }}"
`,
  'profiles/local.yaml': 'PLACE: ./data.parquet\nparams: { rows: 7 }\nlimits: { warehouse: 3 }\n',
  'data.parquet': '',
};

describe('validate --show says where each value came from', () => {
  test('in JSON', async () => {
    await using rig = await CliRig.create(FILES);
    const { exit, out } = await inProcess(
      rig.dir,
      'validate',
      '--show',
      '--json',
      '--set=params.unit=mile',
      '--set=steps.fit.timeout=5m',
    );
    expect(exit).toBe(0);
    const { origins } = JSON.parse(out) as { origins: Shown[] };
    const lines = origins.map(
      ({ path, value, from, at, of }) =>
        `${path} = ${JSON.stringify(value)}: ${from} ${at === undefined ? of : `${at.file}:${at.line}:${at.column}`}`,
    );
    expect(lines.filter((line) => !line.includes(': default split'))).toMatchInlineSnapshot(`
      [
        "target_col = "y": recipe recipe.yaml:2:13",
        "metric = "mae": default t",
        "PLACE = "./data.parquet": profile profiles/local.yaml:1:8",
        "params.rate = 0.1: recipe recipe.yaml:3:17",
        "params.rows = 7: profile profiles/local.yaml:2:17",
        "params.unit = "mile": set --set params.unit:1:1",
        "settings.limits = {"warehouse":3}: profile profiles/local.yaml:3:9",
        "steps.cut.uses = "split": template templates/t.yaml:6:11",
        "steps.cut.inputs.data = "./data.parquet": template templates/t.yaml:7:21",
        "steps.cut.with.target_col = "y": recipe recipe.yaml:2:13",
        "steps.cut.with.column = "day": recipe recipe.yaml:9:18",
        "steps.cut.with.using = "time": recipe recipe.yaml:9:30",
        "steps.fit.run = ["fit","0.1","mile"]: recipe recipe.yaml:6:10",
        "steps.fit.outputs.model = {"path":"model.bin","kind":"file"}: recipe recipe.yaml:8:23",
        "steps.fit.env.ROWS = "7": profile profiles/local.yaml:2:17",
        "steps.fit.env.PLACE = "./data.parquet": profile profiles/local.yaml:1:8",
        "steps.fit.timeout = "300000ms": set --set steps.fit.timeout:1:1",
        "steps.load.uses = "ingest": recipe recipe.yaml:10:17",
        "steps.load.inputs.source = "./data.parquet": profile profiles/local.yaml:1:8",
      ]
    `);
    expect(lines).toContain('steps.cut.with.split_ratios = [0.75,0.125,0.125]: default split');
  });

  test('in YAML, which is a recipe', async () => {
    await using rig = await CliRig.create(FILES);
    const { exit, out } = await inProcess(rig.dir, 'validate', '--show', '-S', 'steps.fit.timeout=5m');
    expect(exit).toBe(0);
    const shown = out.slice(0, out.lastIndexOf('recipe.yaml is valid'));
    expect(shown).toMatchInlineSnapshot(`
      "# recipe.yaml, template t, profile local
      # target_col: "y"   recipe.yaml:2:13
      # metric: "mae"   default of t
      # PLACE: "./data.parquet"   profiles/local.yaml:1:8
      # params.rate: 0.1   recipe.yaml:3:17
      # params.rows: 7   profiles/local.yaml:2:17
      # params.unit: "km"   recipe.yaml:3:37
      # settings.limits: {"warehouse":3}   profiles/local.yaml:3:9

      steps:
        cut:
          uses: split # templates/t.yaml:6:11
          inputs:
            data: ./data.parquet # templates/t.yaml:7:21
          with:
            target_col: y # recipe.yaml:2:13
            column: day # recipe.yaml:9:18
            using: time # recipe.yaml:9:30
            split_ratios: [ 0.75, 0.125, 0.125 ] # default of split
            training_fraction: 1 # default of split
        fit:
          run: [ fit, "0.1", km ] # recipe.yaml:6:10
          outputs:
            model: { path: model.bin, kind: file } # recipe.yaml:8:23
          env:
            ROWS: "7" # profiles/local.yaml:2:17
            PLACE: ./data.parquet # profiles/local.yaml:1:8
          timeout: 300000ms # --set steps.fit.timeout
        load:
          uses: ingest # recipe.yaml:10:17
          inputs:
            source: ./data.parquet # profiles/local.yaml:1:8
      "
    `);
    await rig.write('recipe.yaml', shown);
    await rig.write('templates/t.yaml', '');
    const ejected = await inProcess(rig.dir, 'inspect', '--eject');
    expect(parse(ejected.out)).toEqual(parse(shown));
  });
});

interface Shown {
  readonly path: string;
  readonly value: unknown;
  readonly from: string;
  readonly at?: { readonly file: string; readonly line: number; readonly column: number };
  readonly of?: string;
}
