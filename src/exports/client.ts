export { RequestFailed } from '../client/request-failed.ts';
export { type StartRunOptions, startRun } from '../client/start-run.ts';
export type { EndStatus, MetricOptions, ParamValue, TrackedRun } from '../client/tracked-run.ts';
