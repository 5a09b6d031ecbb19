import type { AutovacuumSettings } from '../clients/postgres/survey/server.ts';
import type { TableFacts } from '../clients/postgres/survey/tables.ts';

/** Autovacuum's settings for one table: its storage parameters, else the server's. */
export function autovacuumOf({ options }: Pick<TableFacts, 'options'>, server: AutovacuumSettings): AutovacuumSettings {
  const own = (name: string, otherwise: number) => (options[name] === undefined ? otherwise : Number(options[name]));
  const max = own('autovacuum_vacuum_max_threshold', server.vacuumMaxThreshold ?? -1);
  return {
    vacuumThreshold: own('autovacuum_vacuum_threshold', server.vacuumThreshold),
    vacuumScaleFactor: own('autovacuum_vacuum_scale_factor', server.vacuumScaleFactor),
    ...(max >= 0 && { vacuumMaxThreshold: max }),
    insertThreshold: own('autovacuum_vacuum_insert_threshold', server.insertThreshold),
    insertScaleFactor: own('autovacuum_vacuum_insert_scale_factor', server.insertScaleFactor),
    analyzeThreshold: own('autovacuum_analyze_threshold', server.analyzeThreshold),
    analyzeScaleFactor: own('autovacuum_analyze_scale_factor', server.analyzeScaleFactor),
    // A storage parameter can only make it lower.
    freezeMaxAge: Math.min(own('autovacuum_freeze_max_age', server.freezeMaxAge), server.freezeMaxAge),
    multixactFreezeMaxAge: Math.min(
      own('autovacuum_multixact_freeze_max_age', server.multixactFreezeMaxAge),
      server.multixactFreezeMaxAge,
    ),
  };
}
