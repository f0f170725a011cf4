import { type Declaration, JSON_OPTION, type Option, PLACES, PROFILE } from './declaration.ts';

const ALIAS: Option = { long: '--alias', value: 'ALIAS', help: 'default: champion' };
const WHERE: readonly Option[] = [PROFILE, ...PLACES, JSON_OPTION];

/** Aliases that move only when somebody else approves. */
export const APPROVAL_COMMANDS: readonly Declaration[] = [
  {
    name: 'models protect',
    summary: 'let an alias move only when somebody else approves',
    args: ['NAME'],
    options: [
      ALIAS,
      { long: '--approvers', value: 'WHO', help: 'group:NAME and user:NAME, with commas' },
      { long: '--require', value: 'validated', help: 'only versions whose verdict is VALIDATED' },
      ...WHERE,
    ],
    examples: [
      ['recipe models protect flight-delay --require validated --approvers group:risk', 'its champion'],
    ],
    load: async () => ({ execute: (await import('./models-protect.ts')).protect }),
  },
  {
    name: 'models unprotect',
    summary: 'let an alias move freely again',
    args: ['NAME'],
    options: [ALIAS, ...WHERE],
    examples: [['recipe models unprotect flight-delay', 'for who manages the model']],
    load: async () => ({ execute: (await import('./models-protect.ts')).unprotect }),
  },
  {
    name: 'models promotions',
    summary: 'show who asked for the protected aliases of a model',
    args: ['NAME'],
    options: WHERE,
    examples: [['recipe models promotions flight-delay', 'what is pending, and what was decided']],
    load: async () => ({ execute: (await import('./models-approve.ts')).promotions }),
  },
  {
    name: 'models approve',
    summary: 'move a protected alias as somebody else asked',
    args: ['ID'],
    options: WHERE,
    examples: [['recipe models approve 7', 'exit 3 if the alias moved meanwhile: the wish is stale']],
    load: async () => ({ execute: (await import('./models-approve.ts')).approve }),
  },
  {
    name: 'models reject',
    summary: 'say no to what somebody asked for',
    args: ['ID'],
    options: WHERE,
    examples: [['recipe models reject 7', 'the alias stays where it is']],
    load: async () => ({ execute: (await import('./models-approve.ts')).reject }),
  },
  {
    name: 'models history',
    summary: 'show who did what to a registered model',
    args: ['NAME'],
    options: WHERE,
    examples: [['recipe models history flight-delay', 'who, when, before and after']],
    load: async () => ({ execute: (await import('./models-approve.ts')).history }),
  },
];
