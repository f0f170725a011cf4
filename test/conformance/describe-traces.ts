import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import {
  createAssessment,
  deleteAssessment,
  type NewAssessment,
  readAssessment,
  updateAssessment,
} from '../../src/tracking/mlflow/assessments.ts';
import { searchTraces } from '../../src/tracking/mlflow/search-traces.ts';
import { type Span, spansFile, writeSpans } from '../../src/tracking/mlflow/spans.ts';
import { linkPrompts, linkTracesToRun } from '../../src/tracking/mlflow/trace-links.ts';
import { holdTrace, readTrace, writeTrace } from '../../src/tracking/mlflow/traces.ts';
import { newRun, type OpenStore, outcome, ROOT } from './mlflow-store.ts';

async function newTrace(database: Database, id: string): Promise<void> {
  const trace = {
    id,
    experimentId: '0',
    requestTime: 100,
    executionMs: 5,
    state: 'OK',
    clientRequestId: undefined,
    requestPreview: undefined,
    responsePreview: undefined,
    metadata: [],
    tags: [],
  } as const;
  await database.write((sql) => writeTrace(sql, trace, ROOT));
}

async function assess(
  database: Database,
  trace: string,
  name: string,
  value: unknown,
  more: Partial<NewAssessment> = {},
): Promise<void> {
  const assessment: NewAssessment = {
    id: `a-${trace}-${name.replace(' ', '-')}`,
    name,
    kind: 'feedback',
    value,
    error: undefined,
    sourceType: 'HUMAN',
    sourceId: undefined,
    spanId: undefined,
    rationale: undefined,
    metadata: [],
    overrides: undefined,
    createdAt: 1,
    updatedAt: 1,
    ...more,
  };
  await database.write((sql) => createAssessment(sql, trace, assessment));
}

function span(id: string, more: Partial<Span> & { attributes?: Record<string, unknown> } = {}): Span {
  const { attributes = {}, ...rest } = more;
  const texts = Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [key, JSON.stringify(value)]),
  );
  return {
    id,
    name: 'work',
    type: 'UNKNOWN',
    status: 'OK',
    start: 10n ** 18n,
    content: JSON.stringify({ span_id: id, attributes: texts }),
    ...rest,
  };
}

async function found(database: Database, filter: string): Promise<string[]> {
  const search = {
    experimentIds: ['0'],
    filter,
    orderBy: ['trace_id'],
    maxResults: 100,
    pageToken: undefined,
  };
  const { traces } = await database.read((sql) => searchTraces(sql, search));
  return traces.map(({ id }) => id);
}

export function describeTraces(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: traces`, () => {
    test.each([
      ["feedback.right = 'yes'", ['a']],
      ["feedback.right != 'yes'", ['b', 'c', 'd']],
      ["feedback.right = 'true'", ['b']],
      ["feedback.right = '5'", ['c']],
      ["feedback.right = '5.0'", ['c']],
      ['feedback.right > 4', ['c']],
      ['feedback.right <= 4.5', []],
      ["feedback.right LIKE '%e%'", ['a', 'b', 'd']],
      ["feedback.right ILIKE '%YES%'", ['a']],
      ["feedback.right = 'größer'", []],
      ["feedback.`in full` = 'größer'", ['d']],
      ['feedback.right IS NULL', ['e']],
      ['feedback.right IS NOT NULL', ['a', 'b', 'c', 'd']],
      ["expectation.right = 'yes'", ['e']],
      ["issue.id = 'slow'", ['e']],
      ["feedback.right = 'yes' AND feedback.right = 'true'", []],
    ])('%s finds %s', async (filter, traces) => {
      await using store = await open();
      const { database } = store;
      for (const id of ['a', 'b', 'c', 'd', 'e']) await newTrace(database, id);
      await assess(database, 'a', 'right', 'yes');
      await assess(database, 'b', 'right', true);
      await assess(database, 'c', 'right', 5);
      await assess(database, 'd', 'right', { score: 5 });
      await assess(database, 'd', 'in full', 'größer');
      await assess(database, 'e', 'right', 'yes', { kind: 'expectation' });
      await assess(database, 'e', 'slow', { issue_name: 'it is slow' }, { kind: 'issue' });
      expect(await found(database, filter)).toEqual(traces);
    });

    test('an assessment that another stands in for is not searched', async () => {
      await using store = await open();
      const { database } = store;
      await newTrace(database, 'a');
      await assess(database, 'a', 'right', 'no', { id: 'first' });
      await assess(database, 'a', 'right', 'yes', { id: 'second', overrides: 'first' });
      expect(await found(database, "feedback.right = 'no'")).toEqual([]);
      expect(await found(database, "feedback.right = 'yes'")).toEqual(['a']);
      await database.write((sql) => deleteAssessment(sql, 'a', 'second'));
      expect(await found(database, "feedback.right = 'no'")).toEqual(['a']);
    });

    test('an assessment that several change at once has what each of them added', async () => {
      await using store = await open();
      const { database } = store;
      await newTrace(database, 'a');
      await assess(database, 'a', 'right', 'no', { id: 'first' });
      const keys = Array.from({ length: 8 }, (_, index) => `k${index}`);
      await Promise.all(
        keys.map((key) =>
          database.write((sql) =>
            updateAssessment(sql, 'a', 'first', { metadata: [{ key, value: 'v' }], at: 2 }),
          ),
        ),
      );
      const { metadata } = await database.read((sql) => readAssessment(sql, 'a', 'first'));
      expect(metadata.map(({ key }) => key).toSorted()).toEqual(keys);
    });

    test.each([
      ["span.name = 'ask'", ['a']],
      ["span.type = 'LLM'", ['a', 'b']],
      ["span.status = 'ERROR'", ['b']],
      ["span.name LIKE 'a%' AND span.type = 'LLM'", []],
      ["span.name = 'ask' AND span.type = 'TOOL'", ['a']],
      ["span.type IN ('TOOL', 'AGENT')", ['a']],
      ["span.attributes.model = 'big'", ['a']],
      ["span.attributes.model LIKE 'b%'", ['a']],
      ['span.attributes.model LIKE \'%"big"%\'', ['a']],
      ["span.attributes.model != 'big'", ['b']],
      ["span.attributes.`a b` = '7'", ['b']],
      // Only ASCII is folded.
      ["span.attributes.size ILIKE 'grÖsse'", ['b']],
      ["span.attributes.size ILIKE 'gröSSE'", []],
      ["span.content LIKE '%größe%' AND span.type = 'LLM'", ['b']],
      ['name IS NULL AND trace.run_id IS NULL', ['a', 'b', 'c']],
      ['name IS NOT NULL', []],
      ["text LIKE '%größe%'", ['b']],
      ["trace.text ILIKE '%GR%'", ['b']],
      ["span.attributes.none = 'x'", []],
    ])('%s finds %s', async (filter, traces) => {
      await using store = await open();
      const { database } = store;
      for (const id of ['a', 'b', 'c']) await newTrace(database, id);
      await database.write(async (sql) => {
        await writeSpans(sql, 'a', [
          span('1', { name: 'ask', type: 'TOOL' }),
          span('2', { type: 'LLM', attributes: { model: 'big' } }),
        ]);
        await writeSpans(sql, 'b', [
          span('1', {
            type: 'LLM',
            status: 'ERROR',
            attributes: { model: 'größe', size: 'GRÖSSE', 'a b': 7 },
          }),
        ]);
      });
      expect(await found(database, filter)).toEqual(traces);
    });

    test('are found by the run and the prompt that they were linked to', async () => {
      await using store = await open();
      const { database } = store;
      for (const id of ['a', 'b']) await newTrace(database, id);
      await newRun(database, 'r1');
      for (let time = 0; time < 2; time += 1)
        await database.write(async (sql) => {
          await linkTracesToRun(sql, 'r1', ['a', 'none']);
          await linkPrompts(sql, 'b', [
            { name: 'greeting', version: '2' },
            { name: 'other', version: '1' },
          ]);
        });
      expect(await found(database, "run_id = 'r1'")).toEqual(['a']);
      expect(await found(database, "prompt = 'greeting/2'")).toEqual(['b']);
      expect(await outcome(found(database, "prompt = 'greeting'"))).toBe('INVALID_PARAMETER_VALUE');
      expect(await outcome(found(database, "prompt LIKE 'g%/2'"))).toBe('INVALID_PARAMETER_VALUE');
      const link = (run: string, traces: readonly string[]): Promise<string> =>
        outcome(database.write((sql) => linkTracesToRun(sql, run, traces)));
      expect(await link('r2', ['a'])).toBe('RESOURCE_DOES_NOT_EXIST');
      expect(await link('r1', Array.from({ length: 101 }, String))).toBe('INVALID_PARAMETER_VALUE');
    });

    test.each([
      "span.size = '1'",
      'span.name > 1',
      "feedback.right IN ('yes')",
      'feedback.right = 5',
      "feedback.right > '5'",
      "issue.name = 'x'",
      "issue.id LIKE 'x'",
    ])('%s is refused', async (filter) => {
      await using store = await open();
      expect(await outcome(found(store.database, filter))).toBe('FILTER_INVALID');
    });

    test.each(['text', 'prompt', 'feedback.right', 'span.name'])('none is ordered by %s', async (key) => {
      await using store = await open();
      const search = {
        experimentIds: ['0'],
        filter: '',
        orderBy: [key],
        maxResults: 1,
        pageToken: undefined,
      };
      expect(await outcome(store.database.read((sql) => searchTraces(sql, search)))).toBe('FILTER_INVALID');
    });

    test('spans that two servers get at once are those of one trace', async () => {
      await using store = await open();
      const { database } = store;
      const ids = Array.from({ length: 8 }, (_, index) => String(index));
      await Promise.all(
        ids.map((id) =>
          database.write(async (sql) => {
            await holdTrace(sql, { id: 'a', experimentId: '0', requestTime: 5 });
            const before = await readTrace(sql, 'a');
            await writeTrace(sql, { ...before, executionMs: (before.executionMs ?? 0) + 1 }, ROOT);
            await writeSpans(sql, 'a', [span(id, { start: BigInt(Number(id)) + 10n ** 18n })]);
          }),
        ),
      );
      const [trace, file] = await database.read(async (sql) => [
        await readTrace(sql, 'a'),
        await spansFile(sql, 'a'),
      ]);
      expect(trace.executionMs).toBe(8);
      expect(
        (JSON.parse(file ?? '') as { spans: { span_id: string }[] }).spans.map(({ span_id }) => span_id),
      ).toEqual(ids);
    });
  });
}
