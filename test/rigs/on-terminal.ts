/** What a command line stands behind to have a terminal of its own, for `CliRig.prefix`. */
export const ON_TERMINAL: readonly string[] = [
  'python3',
  '-c',
  'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)',
  'sh',
  '-c',
  'stty cols 100 rows 30; exec "$@"',
  'sh',
];
