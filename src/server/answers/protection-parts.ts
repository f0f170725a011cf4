import { INTEGER, listOf, oneOf, optional, orNull, part, TEXT } from './shape.ts';

export const PROTECTION = part('Protection', {
  alias: TEXT,
  requires: orNull(oneOf(['validated'])),
  approvers: listOf(TEXT),
});

export const PROMOTION = part('Promotion', {
  id: TEXT,
  name: TEXT,
  alias: TEXT,
  version: TEXT,
  before: orNull(TEXT),
  state: oneOf(['pending', 'approved', 'rejected', 'stale']),
  requested_by: TEXT,
  requested_for: orNull(TEXT),
  requested_at: INTEGER,
  decided_by: orNull(TEXT),
  decided_at: orNull(INTEGER),
});

/** With the version that the alias points to, if it is another; with the promotion that waits, if one does. */
export const ALIAS_OUTCOME = part('AliasOutcome', {
  kind: oneOf(['moved', 'other', 'pending']),
  version: optional(TEXT),
  promotion: optional(PROMOTION),
});

export const MODEL_CHANGE = part('ModelChange', {
  at: INTEGER,
  actor: TEXT,
  for: optional(TEXT),
  action: TEXT,
  before: orNull(TEXT),
  after: orNull(TEXT),
});
