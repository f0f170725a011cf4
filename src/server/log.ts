export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where a server says what happens: fields, then what it is. */
export interface Log {
  readonly error: (fields: object, what: string) => void;
  readonly warn: (fields: object, what: string) => void;
  readonly info: (fields: object, what: string) => void;
  readonly debug: (fields: object, what: string) => void;
}

/** A log of JSON lines, of a level and above. */
export async function createLog(level: LogLevel, write: (line: string) => void): Promise<Log> {
  // Most servers have none, and start without it.
  const { pino } = await import('pino');
  const log: Log = pino(
    {
      level,
      // Which process of which machine it is knows who collects the lines.
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return log;
}
