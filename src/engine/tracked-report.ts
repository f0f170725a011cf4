import { posix } from 'node:path';
import type { Outputs, ReportEntry } from '../core/events.ts';
import { isTree } from '../core/kinds.ts';
import type { PlanInput } from '../core/plan.ts';
import type { TrackedStep } from './tracked-plan.ts';
import { clean, cut, fitKey, fitTag, fitValue, TRACKING_LIMITS } from './tracking-limits.ts';
import type { ArtifactWrite, DatasetWrite, KeyValue, MetricWrite } from './tracking-port.ts';

/** A line of a report, and when it came. */
export interface ReportLine {
  readonly entry: ReportEntry;
  readonly at: number;
}

/** What a step said of itself, as MLflow keeps it. */
export interface TrackedReport {
  readonly params: readonly KeyValue[];
  readonly metrics: readonly MetricWrite[];
  readonly tags: readonly KeyValue[];
  readonly datasets: readonly DatasetWrite[];
  /** Files and folders that were logged; outputs are not among them. */
  readonly artifacts: readonly ArtifactWrite[];
}

/** @param run number of the nested run that is meant; absent for the step's own */
export function trackedReport(lines: readonly ReportLine[], step: TrackedStep, run?: string): TrackedReport {
  // A parameter cannot change in MLflow: the last word counts, over the configuration too.
  const params = new Map(step.params.map(({ key, value }) => [key, value]));
  const metrics: MetricWrite[] = [];
  const tags: KeyValue[] = [];
  const datasets: DatasetWrite[] = [];
  const artifacts: ArtifactWrite[] = [];
  for (const { entry, at } of lines) {
    if (runOf(entry) !== run) continue;
    switch (entry.type) {
      case 'param':
        params.set(fitKey(entry.key), fitValue(entry.value));
        break;
      case 'metric':
        metrics.push({
          key: fitKey(entry.key),
          value: entry.value === 'NaN' ? Number.NaN : entry.value,
          step: Math.trunc(entry.step ?? 0),
          timestamp: Math.trunc(entry.at ?? at),
        });
        break;
      case 'tag':
        tags.push(fitTag(entry));
        break;
      case 'dataset':
        datasets.push(datasetOf(entry, step));
        break;
      case 'artifact': {
        const { path, digest, size, kind } = entry;
        artifacts.push({ path, digest, size, kind, kept: true });
        break;
      }
      default:
    }
  }
  return { params: [...params].map(([key, value]) => ({ key, value })), metrics, tags, datasets, artifacts };
}

function runOf(entry: ReportEntry): string | undefined {
  return 'run' in entry ? entry.run : undefined;
}

/** Of each metric the value that MLflow shows: of the highest step, the last one said. */
export function latest(metrics: readonly MetricWrite[]): MetricWrite[] {
  const last = new Map<string, MetricWrite>();
  for (const metric of metrics) {
    const before = last.get(metric.key);
    if (before === undefined || metric.step >= before.step) last.set(metric.key, metric);
  }
  return [...last.values()];
}

/**
 * What was logged, then the outputs by their paths. At the path of an output, the output stands: in the place of
 * what was logged there, or of that file in a folder that was logged.
 */
export function artifactsOf(
  outputs: Outputs,
  step: TrackedStep,
  { artifacts }: Pick<TrackedReport, 'artifacts'>,
): ArtifactWrite[] {
  const declared = Object.entries(outputs).map(([name, { digest, size, kind }]) => ({
    path: step.outputs[name]?.path ?? name,
    digest,
    size,
    kind,
  }));
  const isOutput = ({ path, kind }: ArtifactWrite): boolean =>
    declared.some((output) => output.path === path || (!isTree(kind) && output.path.startsWith(`${path}/`)));
  return [...artifacts.filter((artifact) => !isOutput(artifact)), ...declared];
}

/** A data set named as an input of its step is what that input refers to: `split.training`, `flights`. */
function datasetOf(entry: ReportEntry & { type: 'dataset' }, step: TrackedStep): DatasetWrite {
  const { name, digest, source, context, schema, profile } = entry;
  const origin = originOf(step.inputs[name]);
  const ofClient = entry.source_type === undefined ? undefined : clean(entry.source);
  const json = (value: unknown, length: number): string | undefined => {
    const text = value === undefined ? undefined : clean(JSON.stringify(value));
    // Half a document is none.
    return text === undefined || text.length > length ? undefined : text;
  };
  const [schemaJson, profileJson] = [
    json(schema, TRACKING_LIMITS.datasetSchema),
    json(profile, TRACKING_LIMITS.datasetProfile),
  ];
  return {
    name: cut(clean(origin?.name ?? name), TRACKING_LIMITS.datasetName) || 'dataset',
    digest: cut(clean(digest), TRACKING_LIMITS.datasetDigest),
    sourceType: origin?.sourceType ?? cut(clean(entry.source_type ?? 'local'), TRACKING_LIMITS.datasetDigest),
    source:
      origin === undefined && ofClient !== undefined && ofClient.length <= TRACKING_LIMITS.datasetSource
        ? ofClient
        : JSON.stringify({ uri: cut(clean(origin?.uri ?? source), TRACKING_LIMITS.datasetSource / 2) }),
    ...(schemaJson === undefined ? {} : { schema: schemaJson }),
    ...(profileJson === undefined ? {} : { profile: profileJson }),
    ...(context === undefined ? {} : { context: cut(clean(context), TRACKING_LIMITS.datasetName) }),
  };
}

function originOf(
  input: PlanInput | undefined,
): { readonly name: string; readonly sourceType: string; readonly uri: string } | undefined {
  switch (input?.kind) {
    case 'output': {
      const uri = `${input.step}.${input.output}`;
      return { name: uri, sourceType: 'step', uri };
    }
    case 'path':
      return { name: baseName(input.path), sourceType: 'local', uri: `./${input.path}` };
    case 'uri': {
      // What follows ? may hold a token, what stands before @ a password.
      const [uri = ''] = input.uri.replace(/\/\/[^/@]*@/, '//').split(/[?#]/);
      return { name: baseName(uri), sourceType: 'http', uri };
    }
    default:
      return undefined;
  }
}

/** `data/flights-3m.parquet` is `flights-3m`. */
function baseName(path: string): string {
  return posix.basename(path).replace(/\.\w+$/, '');
}
