import type { Tag } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { type Field, message, nested, text } from './message.ts';

/** protobuf's `Timestamp` in JSON, as milliseconds since the Unix epoch; what is finer is dropped. */
export function timestamp(): Field<number | undefined> {
  return fromText({ format: 'date-time' }, (value) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[-+]\d\d:\d\d)$/.test(value)
      ? Date.parse(value)
      : Number.NaN,
  );
}

const DURATION = /^(\d{1,12}(?:\.\d{1,9})?)s$/;

/** protobuf's `Duration` in JSON, `1.5s`, as whole milliseconds. */
export function duration(): Field<number | undefined> {
  return fromText({ pattern: DURATION.source }, (value) => {
    const [, seconds] = DURATION.exec(value) ?? [];
    return seconds === undefined ? Number.NaN : Math.round(Number(seconds) * 1000);
  });
}

/** protobuf's `map<string, string>`; empty if it is absent. */
export function textMap(): Field<readonly Tag[]> {
  return {
    isRequired: false,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
    read: (value, name) => {
      OBJECT.read(value, name);
      return Object.entries(value ?? {}).map(([key, one]: [string, unknown]) => ({
        key,
        value: TEXT.read(one ?? undefined, `${name}.${key.slice(0, 80)}`) ?? '',
      }));
    },
  };
}

const TEXT = text();
const OBJECT = nested(message({}));

function fromText(
  written: Readonly<Record<string, string>>,
  parse: (value: string) => number,
): Field<number | undefined> {
  return {
    isRequired: false,
    schema: { type: 'string', ...written },
    read: (given, name) => {
      const value = TEXT.read(given, name);
      if (value === undefined) return undefined;
      const number = parse(value);
      if (!Number.isSafeInteger(number) || number < 0)
        throw invalid(
          `Invalid value ${JSON.stringify(value.slice(0, 80))} for parameter '${name}' supplied.`,
        );
      return number;
    },
  };
}
