/** What the process exits with. Scripts depend on these: never renumber one. */
export const ExitCode = {
  ok: 0,
  /** A step failed: the recipe's code or data is at fault. */
  stepFailed: 1,
  /** The command line or a configuration file is wrong: the caller is at fault. */
  usage: 2,
  /** The gate said no, and `--require-validated` asked for that to count. */
  gateClosed: 3,
  /** A database, a queue, a URL or the disk is out of reach: the environment is at fault. */
  unavailable: 69,
  /** A bug in Stockpot itself: we are at fault. */
  internal: 70,
  /** Ctrl-C, as shells count it: 128 + SIGINT. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
