import { describeAccess } from './describe-access.ts';
import { describeApprovers } from './describe-approvers.ts';
import { describeDatasets } from './describe-datasets.ts';
import { describeGatheredPoints } from './describe-gathered-points.ts';
import { describeHistory } from './describe-history.ts';
import { describeLongValues } from './describe-long-values.ts';
import { describeExperiments } from './describe-mlflow-experiments.ts';
import { describeModels } from './describe-mlflow-models.ts';
import { describeRegistrySearch } from './describe-mlflow-registry-search.ts';
import { describeRunSearches } from './describe-mlflow-run-search.ts';
import { describeRuns } from './describe-mlflow-runs.ts';

import { describeModelHistory } from './describe-model-history.ts';
import { describePaging } from './describe-paging.ts';

import { describeProtection } from './describe-protection.ts';

import { describeTraces } from './describe-traces.ts';
import { describeUploads } from './describe-uploads.ts';
import { describeWebhookDeliveries } from './describe-webhook-deliveries.ts';
import { describeWebhooks } from './describe-webhooks.ts';
import type { OpenStore } from './mlflow-store.ts';

/** What MLflow's operations do on every database that they run on. */
export function describeMlflowStore(name: string, open: () => Promise<OpenStore>): void {
  describeExperiments(name, open);
  describeRuns(name, open);
  describeLongValues(name, open);
  describeHistory(name, open);
  describeGatheredPoints(name, open);
  describeRunSearches(name, open);
  describePaging(name, open);
  describeModels(name, open);
  describeModelHistory(name, open);
  describeRegistrySearch(name, open);
  describeAccess(name, open);
  describeApprovers(name, open);
  describeProtection(name, open);
  describeTraces(name, open);
  describeWebhooks(name, open);
  describeWebhookDeliveries(name, open);
  describeDatasets(name, open);
  describeUploads(name, open);
}
