import { type Declaration, JSON_OPTION } from './declaration.ts';

/** What is done with runs that go on elsewhere, or in another terminal. */
export const SUBMITTED_COMMANDS: readonly Declaration[] = [
  {
    name: 'cancel',
    summary: 'stop a run that goes on, as Ctrl-C does',
    args: ['[RUN]'],
    options: [JSON_OPTION],
    examples: [
      [
        'recipe cancel',
        'the one run of this project; its steps end, on a fleet too unless another run waits for them',
      ],
      ['recipe cancel 20261127-0012', 'the beginning of an id is enough'],
    ],
    load: () => import('./cancel.ts'),
  },
  {
    name: 'attach',
    summary: 'follow a submitted run; Ctrl-C leaves it to itself',
    args: ['[RUN]'],
    options: [JSON_OPTION],
    examples: [
      ['recipe attach', 'the one submitted run that goes on'],
      ['recipe attach 20261127-0012', 'the beginning of an id is enough, also of one that has ended'],
    ],
    load: () => import('./attach.ts'),
  },
  {
    name: 'retry',
    summary: 'submit a submitted run again; what was done is not repeated',
    args: ['RUN'],
    options: [JSON_OPTION],
    examples: [['recipe retry 20261127-0012', 'with the recipe, code and inputs that it was submitted with']],
    load: () => import('./retry.ts'),
  },
];
