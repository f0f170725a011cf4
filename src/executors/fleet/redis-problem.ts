/** What a server says that takes no writes, and what to do then. */
const REFUSALS: readonly (readonly [said: RegExp, means: string])[] = [
  [
    /\bOOM\b/,
    'is full: give it more memory (`redis-cli config set maxmemory`), or take away what else it holds',
  ],
  [/\bMISCONF\b/, 'cannot write to its disk: make room there, and see its log'],
  [/\bREADONLY\b/, 'is a replica, which takes no writes: wait until it is promoted, or name the primary'],
];

/** Why Redis did not do what it was asked for, in words. */
export function describeRedisProblem(name: string, error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const means = REFUSALS.find(([pattern]) => pattern.test(said))?.[1];
  return means === undefined ? said : `Redis at ${name} ${means} (${said.slice(0, MOST_SAID)})`;
}

/** Behind that come names of scripts. */
const MOST_SAID = 100;
