import type { Columns } from '../../src/core/columns.ts';
import type { Features } from '../../src/learn/model.ts';
import { addFeatures } from '../../src/learn/onnx/feature-graph.ts';
import { GraphBuilder } from '../../src/learn/onnx/graph-builder.ts';
import { readGraph } from '../../src/learn/onnx/read-graph.ts';
import { compileGraph } from '../../src/learn/onnx/run-graph.ts';
import type { Transformer } from '../../src/learn/transformer/transformer.ts';

/** The features that a model's graph computes from raw rows. */
export function featuresOf(transformer: Transformer, columns: Columns): Features {
  const graph = new GraphBuilder();
  const matrix = addFeatures(graph, transformer);
  const names = transformer.features.map((_, index) => `feature ${index}`);
  for (const [index, name] of names.entries())
    graph.output(
      name,
      'float',
      graph.node('Gather', [matrix, graph.constant('int64', [index])], { axis: 1 }),
    );
  const values = compileGraph(readGraph(graph.finish()))(columns);
  return {
    rows: columns.rows,
    columns: transformer.features.map(({ name }, index) => {
      const tensor = values.get(names[index] ?? '');
      if (tensor?.type !== 'float') throw new Error(`the feature ${name} is no float`);
      return { name, values: tensor.columns[0] as Float32Array };
    }),
  };
}
