import { isAbsolute, normalize } from 'node:path';
import { isDigest } from '../core/ids.ts';
import type { OfferedRun } from '../engine/submission-port.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import {
  boolean,
  type Field,
  integer,
  message,
  nested,
  otherwise,
  repeated,
  required,
  text,
} from './message.ts';

const FORCE: Field<boolean | readonly string[]> = {
  isRequired: false,
  schema: { anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' } }], default: false },
  read: (value, name) => {
    if (value === undefined || typeof value === 'boolean') return value ?? false;
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    throw invalid(`Invalid value for parameter '${name}' supplied: it is true, false or names of steps.`);
  },
};
const SETTINGS = message({
  file: required(text()),
  recipe: required(text()),
  profile: text(),
  set: repeated(required(text())),
  selection: nested(message({ from: text(), until: text(), only: text() })),
  force: FORCE,
  keepGoing: otherwise(boolean(), false),
  at: required(integer()),
});
export const OFFER = message({
  id: required(text()),
  projectDir: required(text()),
  settings: required(nested(SETTINGS)),
  snapshot: required(text()),
  remote: text(),
  place: otherwise(text(), ''),
  submittedBy: otherwise(text(), ''),
});

/**
 * What a terminal says of a run that it submits.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export function readOffer(input: Readonly<Record<string, unknown>>): OfferedRun {
  const offer = OFFER.read(input);
  if (!isRunId(offer.id)) throw invalid('Invalid id of a run.');
  if (!isDigest(offer.snapshot)) throw invalid('Invalid snapshot: it must be a SHA-256.');
  // Both become names of folders where it is driven.
  if (!isAbsolute(offer.projectDir) || normalize(offer.projectDir) !== offer.projectDir)
    throw invalid("Invalid value for parameter 'projectDir' supplied: it must be the path of a folder.");
  if (isAbsolute(offer.settings.file) || offer.settings.file.split(/[/\\]/).includes('..'))
    throw invalid("Invalid value for parameter 'settings.file' supplied: it must lie in the project.");
  return {
    ...offer,
    settings: { ...offer.settings, selection: offer.settings.selection ?? {} },
  };
}

/** What the id of a run that is submitted is made of, and its beginning. */
export function isRunId(text: string): boolean {
  return /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(text);
}
