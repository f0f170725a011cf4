import { join } from 'node:path';
import { foldersIn, mapIn, pairsIn } from './folder.ts';
import { readFolderAssessments } from './folder-assessments.ts';
import type { FolderTree } from './folder-source.ts';
import type { SourceTrace } from './source-records.ts';
import { stateOf } from './sql-traces.ts';

const BATCH = 50;

/** Traces of a folder, as MLflow 2 and as MLflow 3 write them. */
export async function* readFolderTraces({
  experiments,
  cells,
  findings,
}: FolderTree): AsyncGenerator<readonly SourceTrace[]> {
  for (const experiment of experiments) {
    let page: SourceTrace[] = [];
    for (const name of await foldersIn(join(experiment.dir, 'traces'))) {
      const dir = join(experiment.dir, 'traces', name);
      const info = (await mapIn(join(dir, 'trace_info.yaml'))) ?? {};
      const id = String(info['trace_id'] ?? info['request_id'] ?? '');
      const state = stateOf(info['state'] ?? info['status']);
      if (state === undefined || !/^[A-Za-z0-9][\w-]{0,127}$/.test(id)) {
        findings.add('skipped', 'trace with an id or status that MLflow does not know', dir);
        continue;
      }
      const text = (key: string): string | undefined => cells.text(info[key], `${key} of the trace ${id}`);
      page.push({
        id,
        experimentId: experiment.id,
        requestTime:
          typeof info['request_time'] === 'string'
            ? cells.time(Date.parse(info['request_time']))
            : cells.time(info['timestamp_ms']),
        executionMs: cells.whole(info['execution_duration_ms'] ?? info['execution_time_ms']),
        state,
        clientRequestId: text('client_request_id'),
        requestPreview: text('request_preview'),
        responsePreview: text('response_preview'),
        metadata: await pairsIn(join(dir, 'request_metadata'), cells),
        tags: await pairsIn(join(dir, 'tags'), cells),
        assessments: await readFolderAssessments(join(dir, 'assessments'), cells, findings),
        spans: [],
        links: [],
      });
      if (page.length < BATCH) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }
}
