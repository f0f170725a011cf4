import { type Declaration, JSON_OPTION, PROFILE } from './declaration.ts';

/** `recipe cache …`: this machine's cache, and the one that machines share. */
export const CACHE_COMMANDS: readonly Declaration[] = [
  {
    name: 'cache list',
    summary: 'list the results in the cache',
    args: [],
    options: [JSON_OPTION],
    examples: [['recipe cache list', 'newest first, with their sizes']],
    load: () => import('./cache-list.ts'),
  },
  {
    name: 'cache gc',
    summary: 'remove what has not been used for long',
    args: [],
    options: [
      {
        long: '--max-size',
        value: 'SIZE',
        help: 'shrink the cache to this size (default: a quarter of the free disk)',
      },
      { long: '--dry-run', short: '-n', help: 'say what would go, and remove nothing' },
      JSON_OPTION,
    ],
    examples: [
      ['recipe cache gc --max-size 10GB', 'registered models and the last 5 results of each step stay'],
    ],
    load: () => import('./cache-gc.ts'),
  },
  {
    name: 'cache fsck',
    summary: 'check every byte of the cache',
    args: ['[RECIPE]'],
    options: [
      {
        long: '--remote',
        help: "check what the shared cache holds of this cache's results, byte by byte, instead",
      },
      PROFILE,
      JSON_OPTION,
    ],
    examples: [
      ['recipe cache fsck', 'exit 1 if something is damaged; it is set aside and made again when needed'],
      ['recipe cache fsck --remote', 'the same for the cache that machines share'],
    ],
    load: () => import('./cache-fsck.ts'),
  },
  {
    name: 'cache keygen',
    summary: 'make a key that results are signed with in a shared cache',
    args: ['FILE'],
    options: [JSON_OPTION],
    examples: [
      [
        'recipe cache keygen ~/.config/stockpot/key',
        'prints the public half, which readers list under `accept:`',
      ],
    ],
    load: () => import('./cache-keygen.ts'),
  },
  {
    name: 'cache link',
    summary: 'share the cache of this project with other machines, whatever the profile',
    args: ['[REMOTE]'],
    options: [
      {
        long: '--accept',
        value: 'KEY',
        many: true,
        help: 'public key whose results are used; any: of everybody who can write there',
      },
      { long: '--sign-with', value: 'FILE', help: 'private key that results are signed with' },
      { long: '--read-only', help: 'take what is there, and put nothing there' },
      { long: '--endpoint', value: 'URL', help: 'of an S3 service that is not AWS' },
      { long: '--region', value: 'REGION', help: "the bucket's region" },
      { long: '--remove', help: 'share it no longer' },
      JSON_OPTION,
    ],
    examples: [
      ['recipe cache link /mnt/team/stockpot --accept any', 'a folder; a profile that names another wins'],
      ['recipe cache link', 'what it is linked to'],
    ],
    load: () => import('./cache-link.ts'),
  },
  {
    name: 'cache push',
    summary: 'put all results of this cache into the shared one',
    args: ['[RECIPE]'],
    options: [PROFILE, JSON_OPTION],
    examples: [['recipe cache push -p team', 'what is there already does not travel']],
    load: () => import('./cache-push.ts'),
  },
  {
    name: 'cache pull',
    summary: 'bring the results of a recipe from the shared cache, with all their bytes',
    args: ['[RECIPE]'],
    options: [PROFILE, JSON_OPTION],
    examples: [['recipe cache pull flight-delay', 'before a train ride: then `recipe run` needs no network']],
    load: () => import('./cache-pull.ts'),
  },
];
