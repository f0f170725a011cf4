import { type Setting, spread, Trouble } from './course.ts';
import type { SimLedger } from './sim-ledger.ts';
import { MachineClock, SimProcess } from './sim-process.ts';

const HOUR = 3_600_000;

/** A machine of a course, whose clock is wrong, and the process on it: another one when that is gone. */
export interface Machine {
  readonly name: string;
  readonly clock: MachineClock;
  process: SimProcess;
}

export function machineOf(setting: Setting, name: string): Machine {
  const { timeline } = setting;
  const clock = new MachineClock(timeline, spread(setting, HOUR), 1 + spread(setting, 2) / 1000);
  return { name, clock, process: new SimProcess(`${name}.0`, timeline, clock) };
}

/** The clock of the ledger's machine, which is only a little wrong. */
export function ledgerClockOf(setting: Setting): MachineClock {
  return new MachineClock(setting.timeline, spread(setting, 10_000), 1 + spread(setting, 1) / 1000);
}

export interface Disturbed<M extends Machine> {
  readonly until: number;
  /** Longer than a lease. */
  readonly longestPause: number;
  readonly ledger: SimLedger;
  readonly machines: readonly M[];
  /** The clock of the ledger is set. */
  readonly jump: () => void;
  /** A new process takes the place of one that is gone. */
  readonly start: (machine: M) => void;
}

/** Processes die, are told to end and stand still, clocks are set, and the ledger is away or not heard of. */
export function disturb<M extends Machine>(
  setting: Setting,
  { until, longestPause, ledger, machines, jump, start }: Disturbed<M>,
): Trouble {
  const { timeline, random } = setting;
  const some = (): M => machines[random.below(machines.length)] as M;
  let nth = 0;
  const again = (machine: M): void => {
    nth += 1;
    const name = `${machine.name}.${nth}`;
    timeline.after(random.below(20_000), () => {
      machine.process = new SimProcess(name, timeline, machine.clock);
      start(machine);
    });
  };
  const away = (): void => {
    timeline.note('ledger', 'is away');
    ledger.isAway = true;
    timeline.after(500 + random.below(25_000), () => {
      timeline.note('ledger', 'is back');
      ledger.isAway = false;
    });
  };
  timeline.after(until, () => (ledger.lostAnswers = 0));
  return new Trouble(setting, until, [
    () => {
      const machine = some();
      if (machine.process.isDead) return;
      machine.process.die();
      again(machine);
    },
    () => {
      const machine = some();
      if (machine.process.isDead || machine.process.signal.aborted) return;
      machine.process.tellToEnd();
      again(machine);
    },
    () => some().process.standStill(random.below(longestPause)),
    () => some().process.standStill(random.below(longestPause)),
    () => some().clock.jump(spread(setting, HOUR)),
    jump,
    away,
    () => {
      ledger.lostAnswers = random.pick([0, 5, 20]);
    },
  ]);
}
