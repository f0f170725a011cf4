import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Columns } from '../core/columns.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { answerOf, type Scores, scoresOf } from './model-answer.ts';
import { openForeignGraph } from './onnx/foreign-graph.ts';
import { GraphUnsupported } from './onnx/graph-unsupported.ts';
import { TARGET_KEY } from './onnx/model-graph.ts';
import { type Graph, readGraph } from './onnx/read-graph.ts';
import { compileGraph, type GraphRun } from './onnx/run-graph.ts';
import type { Answer } from './transformer/transformer.ts';

export interface ScoringModel {
  readonly answer: Answer;
  /** Column that it was fitted to predict, if it says so. */
  readonly targetColumn: string | undefined;
  /** Raw columns that it needs. */
  readonly inputs: readonly string[];
  score(columns: Columns): Promise<Scores>;
}

/**
 * Opens an MLflow model directory by its graph alone. A graph that `train` did not write needs
 * onnxruntime-node, from the project or beside Stockpot.
 *
 * @throws RecipeError MODEL_UNREADABLE, MODEL_OPERATOR_UNKNOWN
 */
export async function openModel(dir: string): Promise<ScoringModel> {
  const path = join(dir, 'model.onnx');
  return readable(path, async () => {
    const graph = readGraph(readFileSync(path));
    const answer = answerOf(graph.outputs);
    const { inputs, run } = await runnerOf(dir, path, graph);
    return {
      answer,
      targetColumn: graph.metadata.get(TARGET_KEY),
      inputs,
      score: (columns) =>
        readable(path, async () => scoresOf(answer, graph.outputs, await run(columns), columns.rows)),
    };
  });
}

interface Runner {
  readonly inputs: readonly string[];
  readonly run: (columns: Columns) => ReturnType<GraphRun> | Promise<ReturnType<GraphRun>>;
}

async function runnerOf(dir: string, path: string, graph: Graph): Promise<Runner> {
  try {
    return { inputs: graph.inputs.map(({ name }) => name), run: compileGraph(graph) };
  } catch (error) {
    if (!(error instanceof GraphUnsupported)) throw error;
    const foreign = await openForeignGraph(dir, path, graph);
    if (foreign !== undefined) return foreign;
    throw new RecipeError('MODEL_OPERATOR_UNKNOWN', { path, operator: error.operator }, { cause: error });
  }
}

/** What goes wrong in `action` is said of the model. */
async function readable<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof RecipeError) throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new RecipeError('MODEL_UNREADABLE', { path, problem }, { cause });
  }
}
