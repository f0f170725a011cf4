import { type Declaration, JSON_OPTION, type Option } from './declaration.ts';

/** Which database a command of the server works on. */
export const DATABASE: Option = {
  long: '--database',
  value: 'URL',
  help: 'postgres://USER:PASSWORD@HOST/NAME, or sqlite:PATH, instead of the file that recipes write',
};
/** Where the files of that database lie. */
export const CACHE: Option = {
  long: '--cache',
  value: 'DIR',
  help: 'folder for files, which several servers on one database share',
};
const SCOPE: Option = { long: '--scope', value: 'SCOPE', help: 'read, write or admin (default: write)' };
const ROLE: Option = { long: '--role', value: 'ROLE', help: 'viewer, member or admin' };
const PASSWORD: Option = {
  long: '--password',
  help: 'ask for a password, or read its line from standard input; without one, tokens are the way in',
};

const TAKEN = 'taken from scripts that start `mlflow server`, and does nothing';

/** `recipe server`, and what is done to its users by whoever has its database. */
export const SERVER_COMMANDS: readonly Declaration[] = [
  {
    name: 'server',
    summary: "serve MLflow's tracking API over what is tracked here",
    args: [],
    options: [
      { long: '--host', value: 'HOST', help: 'address to listen on (default: 127.0.0.1)' },
      { long: '--port', short: '-p', value: 'PORT', help: 'default: 5000; 0 for any that is free' },
      DATABASE,
      { long: '--backend-store-uri', value: 'URL', help: 'the same, as `mlflow server` calls it' },
      CACHE,
      {
        long: '--default-artifact-root',
        value: 'URI',
        help: 'where clients put artifacts themselves, as s3://BUCKET/PREFIX or a folder of this machine (default: through the server)',
      },
      {
        long: '--artifacts-destination',
        value: 'DIR',
        help: "folder for clients' artifacts in MLflow's layout, instead of the cache",
      },
      {
        long: '--auth',
        value: 'on|off',
        help: 'whether users sign in (default: on, but where only this machine reaches it while there are no users)',
      },
      {
        long: '--allowed-hosts',
        value: 'NAMES',
        help: 'names that users call it by, with commas; requests by others are refused',
      },
      { long: '--public-url', value: 'URL', help: 'where users reach it, as behind a proxy' },
      {
        long: '--trusted-proxy',
        value: 'ADDRESSES',
        help: 'addresses or ranges, with commas, of a proxy that signs users in and names them in headers',
      },
      {
        long: '--user-header',
        value: 'NAME',
        help: 'header in which it names the user (default: X-Forwarded-User)',
      },
      {
        long: '--groups-header',
        value: 'NAME',
        help: "header in which it names the user's groups (default: X-Forwarded-Groups)",
      },
      {
        long: '--oidc-issuer',
        value: 'URL',
        help: 'OpenID Connect provider where users sign in; its secret: STOCKPOT_OIDC_CLIENT_SECRET',
      },
      { long: '--workers', short: '-w', value: 'X', help: TAKEN },
      ...['--gunicorn-opts', '--uvicorn-opts', '--app-name'].map((long) => ({
        long,
        value: 'X',
        takesDashes: true as const,
        help: TAKEN,
      })),
      { long: '--serve-artifacts', help: 'taken from such scripts; it does unless the next one is given' },
      {
        long: '--no-serve-artifacts',
        help: 'clients put artifacts where --default-artifact-root says (default then: ./mlruns), and none pass through the server',
      },
      { long: '--oidc-client-id', value: 'ID', help: 'what the provider knows this server as' },
      {
        long: '--oidc-name-claim',
        value: 'CLAIM',
        help: 'claim that names the user (default: email)',
      },
      {
        long: '--oidc-groups-claim',
        value: 'CLAIM',
        help: "claim that lists the user's groups (default: groups)",
      },
      {
        long: '--new-users',
        value: 'ROLE',
        help: 'role of users whom a proxy or provider names for the first time (default: member)',
      },
      {
        long: '--webhook-allow',
        value: 'HOSTS',
        help: 'HOST or HOST:PORT, with commas, where webhooks may be called beside public addresses, by http too',
      },
      {
        long: '--schedules',
        help: "run the ticks of the folder's schedules too, as `recipe schedules serve` does",
      },
      {
        long: '--submissions',
        help: 'take runs that `recipe run --submit` hands over: whoever may make things here runs code on the drivers',
      },
      { long: '--drive', value: 'N', help: 'and drive them here, N at once' },
      {
        long: '--log-level',
        value: 'LEVEL',
        help: 'error, warn, info (a line for each request) or debug: JSON lines on standard error (default: none)',
      },
      JSON_OPTION,
    ],
    examples: [
      ['recipe server', 'then: export MLFLOW_TRACKING_URI=http://127.0.0.1:5000'],
      ['recipe server --database postgres://localhost/stockpot', 'tables go into its schema tracking'],
      [
        'recipe server --host 0.0.0.0 --allowed-hosts mlflow.example.com',
        'for others too: users sign in; the first start prints a setup token',
      ],
      ['recipe server --schedules', 'schedules and server in one process'],
      ['recipe server --port 0 --json', 'prints {"url": …} when it is ready'],
    ],
    load: () => import('./server.ts'),
  },
  {
    name: 'login',
    summary: 'sign in to a server, and keep a token for it',
    args: ['URL'],
    options: [
      { long: '--token', help: 'ask for a token that you have, or read it from standard input' },
      { long: '--setup', value: 'TOKEN', help: "the server's setup token: makes you its administrator" },
      { long: '--user', value: 'NAME', help: 'with --setup: your name there (default: your name here)' },
      { ...PASSWORD, help: 'with --setup: ask for a password to have there too' },
      { long: '--no-browser', help: 'print the address to open instead of opening it' },
      JSON_OPTION,
    ],
    examples: [
      ['recipe login https://mlflow.example.com', 'opens the browser; every later call there is signed'],
      ['recipe login http://127.0.0.1:5000 --setup stp_…', 'the first administrator'],
      ['echo "$TOKEN" | recipe login https://mlflow.example.com --token', 'for machines'],
    ],
    load: () => import('./login.ts'),
  },
  {
    name: 'logout',
    summary: 'forget the token of a server, there too',
    args: ['URL'],
    options: [JSON_OPTION],
    examples: [['recipe logout https://mlflow.example.com', 'the token is good for nothing any more']],
    load: () => import('./logout.ts'),
  },
  {
    name: 'server user add',
    summary: 'add a user to the server',
    args: ['NAME'],
    options: [{ ...ROLE, help: `${ROLE.help} (default: member)` }, PASSWORD, DATABASE, JSON_OPTION],
    examples: [['recipe server user add ann --role admin --password', 'asks for the password']],
    load: async () => ({ execute: (await import('./server-users.ts')).add }),
  },
  {
    name: 'server user list',
    summary: 'list the users of the server',
    args: [],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server user list', 'with their roles']],
    load: async () => ({ execute: (await import('./server-users.ts')).list }),
  },
  {
    name: 'server user set',
    summary: "change a user's role or password",
    args: ['NAME'],
    options: [ROLE, PASSWORD, DATABASE, JSON_OPTION],
    examples: [['recipe server user set bob --role viewer', 'may only read what is granted']],
    load: async () => ({ execute: (await import('./server-users.ts')).set }),
  },
  {
    name: 'server user delete',
    summary: 'delete a user with their tokens and grants',
    args: ['NAME'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server user delete bob', 'what they logged stays']],
    load: async () => ({ execute: (await import('./server-users.ts')).remove }),
  },
  {
    name: 'server group add',
    summary: 'add a group, or users to it',
    args: ['NAME', '[USER]'],
    options: [{ ...ROLE, help: `${ROLE.help}, which its members then are at least` }, DATABASE, JSON_OPTION],
    examples: [
      ['recipe server group add risk', 'a provider or proxy may name it too'],
      ['recipe server group add risk ann', 'ann is in it'],
    ],
    load: async () => ({ execute: (await import('./server-groups.ts')).add }),
  },
  {
    name: 'server group list',
    summary: 'list groups with their members',
    args: [],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server group list', 'with the role that each gives']],
    load: async () => ({ execute: (await import('./server-groups.ts')).list }),
  },
  {
    name: 'server group delete',
    summary: 'delete a group, or take a user out of it',
    args: ['NAME', '[USER]'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server group delete risk ann', 'ann is not in it any more']],
    load: async () => ({ execute: (await import('./server-groups.ts')).remove }),
  },
  {
    name: 'server grant',
    summary: 'let a user, a group or everyone read, edit or manage something',
    args: ['PERMISSION', 'RESOURCE', 'PRINCIPAL'],
    options: [DATABASE, JSON_OPTION],
    examples: [
      ['recipe server grant EDIT experiment:churn group:risk', 'READ, USE, EDIT, MANAGE or NO_PERMISSIONS'],
      ['recipe server grant READ "model:*" everyone', 'every registered model, also those to come'],
      [
        'recipe server grant EDIT cache group:ci',
        'send results to the shared cache, or WRITE; READ fetches them',
      ],
    ],
    load: async () => ({ execute: (await import('./server-grants.ts')).give }),
  },
  {
    name: 'server revoke',
    summary: 'take a permission back',
    args: ['RESOURCE', 'PRINCIPAL'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server revoke experiment:churn group:risk', 'what others gave them stays']],
    load: async () => ({ execute: (await import('./server-grants.ts')).take }),
  },
  {
    name: 'server grants',
    summary: 'show who may do what with something',
    args: ['RESOURCE'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server grants model:flight-delay', 'administrators may do everything']],
    load: async () => ({ execute: (await import('./server-grants.ts')).list }),
  },
  {
    name: 'server token add',
    summary: 'make a token for a user',
    args: ['USER'],
    options: [
      { long: '--name', value: 'NAME', help: 'what it is for (default: token)' },
      SCOPE,
      { long: '--expires', value: 'DAYS', help: 'days that it is good for (default: 90)' },
      DATABASE,
      JSON_OPTION,
    ],
    examples: [['recipe server token add ci --name nightly --scope write', 'prints it, this once']],
    load: async () => ({ execute: (await import('./server-tokens.ts')).add }),
  },
  {
    name: 'server token list',
    summary: 'list tokens, never their secrets',
    args: ['[USER]'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server token list ci', 'when each lapses and was last used']],
    load: async () => ({ execute: (await import('./server-tokens.ts')).list }),
  },
  {
    name: 'server token revoke',
    summary: 'make a token useless',
    args: ['ID'],
    options: [DATABASE, JSON_OPTION],
    examples: [['recipe server token revoke 3', 'ids are in the list']],
    load: async () => ({ execute: (await import('./server-tokens.ts')).revoke }),
  },
];
