import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Columns } from '../../src/core/columns.ts';
import { writeModelDirectory } from '../../src/learn/model-directory.ts';
import { GraphBuilder } from '../../src/learn/onnx/graph-builder.ts';
import { readGraph } from '../../src/learn/onnx/read-graph.ts';
import { compileGraph } from '../../src/learn/onnx/run-graph.ts';
import { ProtoWriter } from '../../src/learn/onnx/write-protobuf.ts';
import { openModel } from '../../src/learn/open-model.ts';
import { fitModel, rawRows, transformerFor } from '../rigs/model-rig.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const ROWS: Columns = {
  rows: 3,
  columns: [
    { name: 'x', type: 'float', values: Float64Array.of(1, 4, 9) },
    { name: 'y', type: 'integer', values: Float64Array.of(10, 20, 30) },
  ],
};

/** A graph as somebody else might write one. */
function writeRoots(): void {
  const graph = new GraphBuilder();
  graph.output('roots', 'float', graph.node('Sqrt', [graph.input('x', 'float')]));
  writeFileSync(join(dir, 'model.onnx'), graph.finish());
}

describe('a graph of other operators', () => {
  test('is scored by onnxruntime-node, where that is installed', async () => {
    writeRoots();
    const model = await openModel(dir);
    expect({ ...model, score: await model.score(ROWS) }).toEqual({
      answer: { task: 'regression', type: 'float' },
      targetColumn: undefined,
      inputs: ['x'],
      score: { kind: 'regression', prediction: Float32Array.of(1, 2, 3) },
    });
  });

  test('is an error that names the operator, where it is not', () => {
    writeRoots();
    const script = `
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(specifier, context, next) {
          if (specifier === 'onnxruntime-node') throw Object.assign(new Error(), { code: 'MODULE_NOT_FOUND' });
          return next(specifier, context);
        },
      });
      const { openModel } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/learn/open-model.ts'))});
      const { code, message, hint } = await openModel(${JSON.stringify(dir)}).catch((error) => error);
      console.log(JSON.stringify({ code, message, hint }));`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    });
    expect(JSON.parse(printed)).toEqual({
      code: 'MODEL_OPERATOR_UNKNOWN',
      message: `The model in ${join(dir, 'model.onnx')} needs Sqrt, which Stockpot does not run itself`,
      hint: 'Install onnxruntime-node in the project: with it any ONNX graph is run.',
    });
  });

  test('may take one matrix of the columns that its signature names', async () => {
    const matrix = (name: string, width: number): ProtoWriter => {
      const size = (text: string | number): ProtoWriter =>
        typeof text === 'string' ? new ProtoWriter().bytes(2, text) : new ProtoWriter().int(1, text);
      const shape = new ProtoWriter().bytes(1, size('rows')).bytes(1, size(width));
      return new ProtoWriter()
        .bytes(1, name)
        .bytes(2, new ProtoWriter().bytes(1, new ProtoWriter().int(1, 1).bytes(2, shape)));
    };
    const node = new ProtoWriter().bytes(1, 'X').bytes(2, 'sum').bytes(4, 'ReduceSumSquare');
    const axes = new ProtoWriter().bytes(1, 'axes').int(8, 1).int(20, 7);
    const graph = new ProtoWriter()
      .bytes(1, node.bytes(5, axes))
      .bytes(2, 'squares')
      .bytes(11, matrix('X', 2))
      .bytes(12, matrix('sum', 1));
    const opset = new ProtoWriter().bytes(1, '').int(2, 15);
    writeFileSync(
      join(dir, 'model.onnx'),
      new ProtoWriter().int(1, 8).bytes(7, graph).bytes(8, opset).finish(),
    );
    const inputs = JSON.stringify([
      { type: 'double', name: 'y' },
      { type: 'double', name: 'x' },
    ]);
    writeFileSync(join(dir, 'MLmodel'), stringify({ signature: { inputs } }));
    const model = await openModel(dir);
    expect(model.inputs).toEqual(['y', 'x']);
    expect(await model.score(ROWS)).toEqual({
      kind: 'regression',
      prediction: Float32Array.of(101, 416, 981),
    });
  });
});

describe('a form of an operator that we do not write is not taken for one that we do', () => {
  test.each([
    ['Softmax (axis 0)', 'Softmax', { axis: 0 }, ''],
    ['Cast (to string)', 'Cast', { to: 8 }, ''],
    [
      'ai.onnx.ml.TreeEnsembleRegressor (aggregate_function)',
      'TreeEnsembleRegressor',
      { aggregate_function: 'MIN' },
      'ai.onnx.ml',
    ],
    ['ai.onnx.ml.LabelEncoder (of float)', 'LabelEncoder', {}, 'ai.onnx.ml'],
    [
      'ai.onnx.ml.TreeEnsembleRegressor (nodes that are no tree)',
      'TreeEnsembleRegressor',
      {
        n_targets: 1,
        nodes_treeids: [0, 0],
        nodes_nodeids: [0, 1],
        nodes_featureids: [0, 0],
        nodes_modes: ['BRANCH_LEQ', 'LEAF'],
        nodes_values: { floats: [0, 0] },
        nodes_truenodeids: [0, 0],
        nodes_falsenodeids: [1, 0],
        target_treeids: [0],
        target_nodeids: [1],
        target_ids: [0],
        target_weights: { floats: [1] },
      },
      'ai.onnx.ml',
    ],
  ] as const)('%s', (named, operator, attributes, domain) => {
    const graph = new GraphBuilder();
    graph.output('out', 'float', graph.node(operator, [graph.input('x', 'float')], attributes, domain));
    expect(() => compileGraph(readGraph(graph.finish()))).toThrow(`the operator ${named}`);
  });
});

describe('a model that cannot be used is an error of its own', () => {
  test.each([
    [
      'predicted_label',
      'it answers with predicted_label, other, not with one number, or with predicted_label and a predicted_score_ for each class',
    ],
    ['text', 'it answers with text, other, not with one number'],
  ])('one that answers with %s', async (name, problem) => {
    const graph = new GraphBuilder();
    const x = graph.input('x', 'string');
    graph.output(name, 'string', x);
    graph.output('other', 'string', x);
    writeFileSync(join(dir, 'model.onnx'), graph.finish());
    await expect(openModel(dir)).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringContaining(problem),
    });
  });

  test('a file that was cut off, wherever', async () => {
    const transformer = transformerFor('binary');
    const rows = rawRows('linear');
    writeModelDirectory(dir, { transformer, model: await fitModel('binary', 'linear', transformer, rows) });
    const path = join(dir, 'model.onnx');
    const whole = readFileSync(path);
    const codes = new Set<string>();
    for (let length = 0; length < whole.length - 60; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      codes.add(
        await openModel(dir).then(
          () => 'opened',
          (error: { code?: string }) => error.code ?? String(error),
        ),
      );
    }
    expect([...codes]).toEqual(['MODEL_UNREADABLE']);
  });

  test('rows whose column is of another type', async () => {
    writeRoots();
    const model = await openModel(dir);
    const x = { name: 'x', type: 'text', codes: Int32Array.of(-1), dictionary: [] } as const;
    await expect(model.score({ rows: 1, columns: [x] })).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringContaining('its input x takes no text'),
    });
  });

  test('rows without a column that it needs', async () => {
    writeRoots();
    const model = await openModel(dir);
    await expect(model.score({ rows: 1, columns: [] })).rejects.toMatchObject({
      code: 'DATA_COLUMN_UNKNOWN',
    });
  });
});
