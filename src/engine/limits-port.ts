import type { StepId } from '../core/ids.ts';

/** What an attempt takes of the named limits of a profile while it runs. */
export interface LimitLease {
  /** Names what runs. Attempts of several runs that are one flight of a fleet name the same, and count once. */
  readonly flight: string;
  readonly run: string;
  readonly step: StepId;
  /** At most so many flights at once have a lease of the name. */
  readonly limits: readonly { readonly name: string; readonly most: number }[];
  /** Whether what runs goes on when its driver dies: another driver then has a while to go on with it. */
  readonly outlivesDriver: boolean;
}

/** Why a lease is not to be had now. */
export interface LimitInTheWay {
  readonly name: string;
  /** That have it, each once, in the order of their ids. */
  readonly runs: readonly string[];
}

/** Where runs that share limits see to it that all of them together keep to them. `ledger/` implements it. */
export interface LimitLedger {
  /** Takes all of a lease's limits, which are kept until they are given back; or none, and gives what is in the way. */
  take(lease: LimitLease): Promise<LimitInTheWay | undefined>;
  /** What cannot be given back now lapses. */
  giveBack(lease: LimitLease): void;
  /** No longer keeps a lease whose flight goes on: it lapses unless another run shares it by then. */
  abandon(lease: LimitLease): void;
}
