import type { ServerFacts } from '../clients/postgres/survey/server.ts';
import type { TemporaryFacts } from '../clients/postgres/survey/temporary.ts';
import type { Finding } from '../framework/result.ts';
import { bytes, count } from '../reports/format.ts';

export interface TemporaryRules {
  /** Transactions after which temporary tables of a living session are told of: nobody else can freeze them. */
  oldTransactions: number;
}

/**
 * D2. Temporary objects whose session is gone are autovacuum's to remove, which it does within a minute. So this only tells: to
 * drop one, somebody must be certain that no session has it, and one that lives loses its table in the middle of its work.
 */
export function temporaryFindings(
  { server, temporary }: { server: ServerFacts; temporary: TemporaryFacts[] },
  rules: TemporaryRules,
): Finding[] {
  return temporary.flatMap((one): Finding[] => {
    const what = `${count(one.relations)} temporary objects, ${bytes(one.bytes)}`;
    if (one.owner === 'gone') return [orphaned(one, what, server.version)];
    if (one.xidAge < rules.oldTransactions) return [];
    const old = `${what}, are ${count(one.xidAge)} transactions old, and nobody but their session can freeze them`;
    if (one.owner === null) {
      const message = `${old}. Which session that is, PostgreSQL before 16 does not say; it may be gone.`;
      return [{ severity: 'information', subject: one.schema, message }];
    }
    const { pid } = one.owner;
    const message = `${old}: pid ${pid}. Ask whose it is, and have it end.`;
    const remedy = `SELECT pg_terminate_backend(${pid}); -- its temporary tables go with it, and its transaction is rolled back`;
    return [{ severity: 'warning', subject: one.schema, message, remedy }];
  });
}

function orphaned({ schema }: TemporaryFacts, what: string, version: number): Finding {
  const number = schema.replace(/\D/g, '');
  const which = version >= 160_000 ? `pid = pg_stat_get_backend_pid(${number})` : `datname = current_database()`;
  const check = `SELECT pid, backend_start, query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ${which}; -- whoever is listed may own them`;
  return {
    severity: 'warning',
    subject: schema,
    message: `${what}, are left of a session that is gone. Autovacuum removes them within a minute ("dropping orphan temp table"); if they are still there tomorrow, find out why it does not come. Do not drop them as long as that is not known: a session may take the number again at any time.`,
    remedy: check,
  };
}
