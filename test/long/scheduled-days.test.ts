import { describeScheduledDays, describeScheduledYear } from '../conformance/describe-scheduled-days.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { ledgersOnPostgres, ledgersOnSqlite } from '../rigs/open-ledgers.ts';

const HOUR = 3_600_000;

describeScheduledDays('SQLite', ledgersOnSqlite, 6 * HOUR);
describeScheduledYear('SQLite', ledgersOnSqlite);

onPostgres((postgres) => {
  describeScheduledDays('PostgreSQL', async () => ledgersOnPostgres(postgres()), HOUR);
});
