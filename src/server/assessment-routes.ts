import {
  createAssessment,
  deleteAssessment,
  readAssessment,
  updateAssessment,
} from '../tracking/mlflow/assessments.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { GIVEN_ASSESSMENT } from './answers/trace-parts.ts';
import {
  ASSESSMENT,
  ASSESSMENT_CHANGE,
  assessedValue,
  assessmentMessage,
  newAssessment,
} from './assessment-message.ts';
import { message, nested, required, text } from './message.ts';
import { on } from './policy.ts';
import { type Route, route } from './route.ts';
import { traced } from './things.ts';

const TRACE = { trace_id: required(text()) };
const ID = { ...TRACE, assessment_id: required(text()) };
const PATH = '/mlflow/traces/{trace_id}/assessments';

/** What people, judges and code think of traces (MLflow 3). */
export const ASSESSMENT_ROUTES: readonly Route[] = [
  route(
    'POST',
    PATH,
    'createAssessment',
    on('EDIT', traced),
    message({ ...TRACE, assessment: required(nested(ASSESSMENT)) }),
    { assessment: GIVEN_ASSESSMENT },
    async ({ database, newId, now }, { trace_id, assessment }) => {
      const created = newAssessment(assessment, newId, now());
      return {
        assessment: assessmentMessage(
          await database.write((sql) => createAssessment(sql, trace_id, created)),
        ),
      };
    },
  ),
  route(
    'GET',
    `${PATH}/{assessment_id}`,
    'getAssessment',
    on('READ', traced),
    message(ID),
    { assessment: GIVEN_ASSESSMENT },
    async ({ database }, { trace_id, assessment_id }) => ({
      assessment: assessmentMessage(
        await database.read((sql) => readAssessment(sql, trace_id, assessment_id)),
      ),
    }),
  ),
  route(
    'PATCH',
    `${PATH}/{assessment_id}`,
    'updateAssessment',
    on('EDIT', traced),
    message({
      ...ID,
      assessment: required(nested(ASSESSMENT_CHANGE)),
      update_mask: required(text()),
    }),
    { assessment: GIVEN_ASSESSMENT },
    async ({ database, now }, { trace_id, assessment_id, assessment, update_mask }) => {
      const change = { ...changeOf(assessment, update_mask), at: now() };
      return {
        assessment: assessmentMessage(
          await database.write((sql) => updateAssessment(sql, trace_id, assessment_id, change)),
        ),
      };
    },
  ),
  route(
    'DELETE',
    `${PATH}/{assessment_id}`,
    'deleteAssessment',
    on('EDIT', traced),
    message(ID),
    {},
    async ({ database }, { trace_id, assessment_id }) => {
      await database.write((sql) => deleteAssessment(sql, trace_id, assessment_id));
      return {};
    },
  ),
].map((one) => ({ ...one, version: '3.0' }));

/** What protobuf's field mask names of it: `assessmentName,feedback`. */
function changeOf(
  given: ReturnType<typeof ASSESSMENT_CHANGE.read>,
  mask: string,
): Omit<Parameters<typeof updateAssessment>[3], 'at'> {
  const paths = new Set(mask.split(',').map(snakeCase));
  for (const path of paths)
    if (!Object.hasOwn(ASSESSMENT_CHANGE.fields, path))
      throw invalid(
        `Invalid value ${JSON.stringify(path.slice(0, 80))} for parameter 'update_mask' supplied: there are ${Object.keys(ASSESSMENT_CHANGE.fields).join(', ')}.`,
      );
  const named = <K extends keyof typeof given>(key: K): (typeof given)[K] | undefined =>
    paths.has(key) ? given[key] : undefined;
  const name = named('assessment_name');
  const value = assessedValue({
    feedback: named('feedback'),
    expectation: named('expectation'),
    issue: named('issue'),
  });
  const rationale = named('rationale');
  const metadata = named('metadata');
  return {
    ...(name === undefined ? {} : { name }),
    ...(value === undefined ? {} : { value }),
    ...(rationale === undefined ? {} : { rationale }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function snakeCase(path: string): string {
  return path.trim().replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
