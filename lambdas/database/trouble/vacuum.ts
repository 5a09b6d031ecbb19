import type { Survey } from '../../clients/postgres/survey.ts';
import type { Holder } from '../../clients/postgres/survey/holders.ts';
import { hasNoStatistics, type TableFacts } from '../../clients/postgres/survey/tables.ts';
import type { Finding } from '../../framework/result.ts';
import { bytes, count, duration, plural } from '../../reports/format.ts';
import { autovacuumOf } from '../autovacuum.ts';
import { remedyFor } from '../vacuum-order.ts';

export interface VacuumTroubleRules {
  minDeadTuples: number;
  /** How many times autovacuum's own threshold of dead rows. */
  timesThreshold: number;
  /** Age of a transaction, in minutes, from which it is told of. */
  horizonMinutes: number;
  /** Bytes from which a table without statistics is told of. */
  minUnknownBytes: number;
}

type Facts = Pick<Survey<'tables' | 'holders' | 'settings'>, 'server' | 'tables' | 'holders' | 'settings'>;

/** Tables with more dead rows than autovacuum should ever let be, and what holds it back. */
export function behindVacuum(facts: Facts, rules: VacuumTroubleRules): Finding[] {
  const { server, tables, settings } = facts;
  const off = ['autovacuum', 'track_counts'].filter((name) => settings.get(name)?.value === 'off');
  const holders = oldHolders(facts, rules);
  const behind = tables.filter((table) => {
    const {
      vacuumThreshold,
      vacuumScaleFactor,
      vacuumMaxThreshold = Infinity,
    } = autovacuumOf(table, server.autovacuum);
    const threshold = Math.min(
      vacuumThreshold + vacuumScaleFactor * Math.max(0, table.estimatedTuples),
      vacuumMaxThreshold,
    );
    return (
      table.deadTuples >= rules.minDeadTuples && table.deadTuples > rules.timesThreshold * threshold && !table.busy
    );
  });
  return [
    ...off.map((name): Finding => ({
      severity: 'critical',
      subject: name,
      message: `It is off (${settings.get(name)?.source}): nothing is vacuumed or analysed between the windows, and no table is frozen before it must be.`,
      remedy:
        server.flavour === 'postgresql'
          ? `ALTER SYSTEM SET ${name} = on; SELECT pg_reload_conf();`
          : `Set ${name} to 1 in the parameter group; it needs no restart.`,
    })),
    ...behind.map((table) => ofTable(table, off.length > 0, holders[0])),
    ...holders.map((holder): Finding => ({
      severity: 'warning',
      subject: holder.who.slice(0, 300),
      message: `It keeps every dead row of the database since ${holder.since ? `${holder.since.toISOString()} (${duration(server.at.getTime() - holder.since.getTime())})` : `${count(holder.xidAge)} transactions`}: no VACUUM can remove them, and queries read them.`,
      remedy: remedyFor(holder),
    })),
  ];
}

/** Those that held the horizon long enough to matter; of slots and standbys only transactions are known. */
function oldHolders({ server, holders }: Facts, { horizonMinutes }: VacuumTroubleRules): Holder[] {
  return holders.filter(({ since, xidAge }) =>
    since ? server.at.getTime() - since.getTime() > horizonMinutes * 60_000 : xidAge > 1_000_000,
  );
}

function ofTable(table: TableFacts, off: boolean, holder: Holder | undefined): Finding {
  const disabled = table.options['autovacuum_enabled'] === 'false' || table.options['autovacuum_enabled'] === 'off';
  const why = holder
    ? `${holder.who} holds them`
    : off
      ? 'autovacuum is off'
      : disabled
        ? 'autovacuum is off for this table'
        : 'it comes too late or too slowly here';
  return {
    severity: 'warning',
    subject: table.name,
    message: `Autovacuum does not keep up: ${count(table.deadTuples)} dead rows beside ${count(table.liveTuples)} live ones, ${bytes(table.bytes)}; ${why}. It was last here ${table.autovacuumedAt ? table.autovacuumedAt.toISOString() : 'never'}.`,
    remedy: holder
      ? remedyFor(holder)
      : off
        ? `VACUUM (ANALYZE) ${table.name}; -- reads the whole table`
        : disabled
          ? `ALTER TABLE ${table.name} RESET (autovacuum_enabled); -- find out first why it was set`
          : `ALTER TABLE ${table.name} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0); -- earlier and faster: costs input and output`,
  };
}

/** After a crash, a restore or an upgrade nothing is known of a table: that is told, and nothing is concluded from it. */
export function withoutStatistics(
  { tables, extendedStatistics }: Pick<Survey<'tables' | 'extendedStatistics'>, 'tables' | 'extendedStatistics'>,
  { minUnknownBytes }: VacuumTroubleRules,
): Finding[] {
  const unknown = tables.filter((table) => hasNoStatistics(table) && table.bytes >= minUnknownBytes);
  const empty = extendedStatistics.filter(({ filled, table }) => !filled && !unknown.some(({ oid }) => oid === table));
  const named = [...new Set([...unknown.map(({ name }) => name), ...empty.map(({ tableName }) => tableName)])];
  if (named.length === 0) return [];
  return [
    {
      severity: 'warning',
      subject: named.length === 1 ? named[0]! : `${count(named.length)} tables`,
      message: `There are no statistics of ${plural(unknown.length, 'table')}${empty.length > 0 ? `, and none in ${plural(empty.length, 'extended statistics object')} (${empty.map(({ name }) => name).join(', ')})` : ''}, as after a restore, a crash or an upgrade. Until they are analysed, plans are guesses, and whether they need care is not known.`,
      remedy: named.map((name) => `ANALYZE ${name};`).join(' '),
    },
  ];
}
