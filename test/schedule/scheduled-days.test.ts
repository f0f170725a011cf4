import { describeScheduledDays } from '../conformance/describe-scheduled-days.ts';
import { ledgersOnSqlite } from '../rigs/open-ledgers.ts';

const MINUTE = 60_000;

describeScheduledDays('SQLite', ledgersOnSqlite, 35 * MINUTE);
