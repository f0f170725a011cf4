import type { Dialect } from '../../db/sql.ts';
import type { Comparison } from '../filter.ts';
import { conditionOf, type Searched, type Sql, testOf } from '../filter-sql.ts';
import { invalid } from './mlflow-error.ts';

/** The conditions of a search of traces. What is said of spans must hold for one and the same span. */
export function traceConditions(
  comparisons: readonly Comparison[],
  searched: Searched,
  dialect: Dialect,
): Sql[] {
  const spans = comparisons.flatMap((one) => {
    if (one.entity === 'span') return [spanTest(one, dialect)];
    return one.entity === 'attribute' && one.key === 'text' ? [testOf(one, 'x.content', dialect)] : [];
  });
  const others = comparisons.flatMap((one) => {
    if (one.entity === 'span' || (one.entity === 'attribute' && one.key === 'text')) return [];
    return [otherCondition(one, searched, dialect)];
  });
  return spans.length === 0
    ? others
    : [
        ...others,
        {
          text: `EXISTS (SELECT 1 FROM spans x WHERE x.trace_id = t.trace_id AND ${spans.map(({ text }) => `(${text})`).join(' AND ')})`,
          values: spans.flatMap(({ values }) => values),
        },
      ];
}

function otherCondition(comparison: Comparison, searched: Searched, dialect: Dialect): Sql {
  const { entity, key, operator } = comparison;
  switch (entity) {
    case 'feedback':
    case 'expectation': {
      const named = {
        text: `SELECT 1 FROM assessments x WHERE x.trace_id = t.trace_id AND x.kind = ? AND x.name = ? AND x.valid = 1`,
        values: [entity, key],
      };
      if (operator === 'IS NULL' || operator === 'IS NOT NULL')
        return { ...named, text: `${operator === 'IS NULL' ? 'NOT ' : ''}EXISTS (${named.text})` };
      const test = assessedTest(comparison, dialect);
      return {
        text: `EXISTS (${named.text} AND ${test.text})`,
        values: [...named.values, ...test.values],
      };
    }
    case 'issue':
      return {
        text: `EXISTS (SELECT 1 FROM assessments x WHERE x.trace_id = t.trace_id AND x.kind = 'issue' AND x.name = ?)`,
        values: [String(comparison.value)],
      };
    case 'attribute':
      if (key === 'prompt') return linkedPrompt(comparison);
      return key === 'run_id'
        ? ofRun(comparison, searched, dialect)
        : conditionOf(comparison, dialect, searched);
    default:
      return conditionOf(comparison, dialect, searched);
  }
}

/** A value is JSON: `'yes'` means the text, `'true'` and `'5'` also what is written so without quotes. */
function assessedTest(comparison: Comparison, dialect: Dialect): Sql {
  const { operator, value } = comparison;
  if (typeof value === 'number') return testOf(comparison, 'x.number', dialect);
  if (typeof value !== 'string' || (operator !== '=' && operator !== '!='))
    return testOf(comparison, 'x.value', dialect);
  const number = value.trim() === '' ? Number.NaN : Number(value);
  const isNumber = Number.isFinite(number);
  const same = isNumber
    ? `(x.value IN (?, ?) OR (x.number IS NOT NULL AND x.number = ${dialect === 'postgres' ? 'CAST(? AS double precision)' : '?'}))`
    : 'x.value IN (?, ?)';
  return {
    text: operator === '=' ? same : `NOT ${same}`,
    values: [value, JSON.stringify(value), ...(isNumber ? [number] : [])],
  };
}

/** An attribute is JSON text; what is asked for may be all of it, or the text that it stands for. */
function spanTest(comparison: Comparison, dialect: Dialect): Sql {
  const { key } = comparison;
  if (!key.startsWith('attributes.')) return testOf(comparison, `x.${SPAN_COLUMNS[key] ?? ''}`, dialect);
  const [whole, inner] = [testOf(comparison, 'a.value', dialect), testOf(comparison, 'a.inside', dialect)];
  const rows =
    dialect === 'sqlite'
      ? "SELECT j.value FROM json_each(x.content, '$.attributes') j WHERE j.key = ?"
      : `SELECT (CAST(x.content AS jsonb) -> 'attributes' ->> ?) COLLATE "C" AS value`;
  const isNegative = comparison.operator === '!=' || comparison.operator === 'NOT IN';
  return {
    text: `EXISTS (SELECT 1 FROM (SELECT v.value, CASE WHEN substr(v.value, 1, 1) = '"' THEN substr(v.value, 2, length(v.value) - 2) ELSE v.value END AS inside
       FROM (${rows}) v) a WHERE ${whole.text} ${isNegative ? 'AND' : 'OR'} ${inner.text})`,
    values: [key.slice('attributes.'.length), ...whole.values, ...inner.values],
  };
}

const SPAN_COLUMNS: Readonly<Record<string, string>> = {
  name: 'name',
  type: 'type',
  status: 'status',
  content: 'content',
};

/** The run that a trace was made in, or one that it was linked to. */
function ofRun(comparison: Comparison, searched: Searched, dialect: Dialect): Sql {
  const made = conditionOf(comparison, dialect, searched);
  if (comparison.operator !== '=') return made;
  return {
    text: `(${made.text}) OR EXISTS (SELECT 1 FROM trace_links x WHERE x.kind = 'run' AND x.target = ? AND x.trace_id = t.trace_id)`,
    values: [...made.values, comparison.value],
  };
}

function linkedPrompt({ operator, value }: Comparison): Sql {
  if (operator !== '=' || typeof value !== 'string')
    throw invalid(
      `Invalid comparator '${operator}' for prompts filter. Only '=' is supported with format: prompt = "name/version"`,
    );
  if (!/^[^/]+\/[^/]+$/.test(value))
    throw invalid(
      `Invalid prompts filter value '${value.slice(0, 80)}'. Expected format: prompt = "name/version"`,
    );
  return {
    text: "EXISTS (SELECT 1 FROM trace_links x WHERE x.kind = 'prompt' AND x.target = ? AND x.trace_id = t.trace_id)",
    values: [value],
  };
}
