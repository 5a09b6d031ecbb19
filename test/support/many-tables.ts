import pg from 'pg';

/** The roles' passwords in a cluster that holds many tables. */
const password = 'maintenance';

/**
 * Fills the database `postgres` of a superuser's URL with so many small tables of the role novacron, three indexes each, analysed.
 * Returns the URL of the maintenance role. Ten thousand take a minute.
 */
export async function makeManyTables(url: string, tables: number): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of [
      `CREATE ROLE novacron NOLOGIN`,
      `CREATE ROLE novacron_maintenance LOGIN PASSWORD '${password}'`,
      `GRANT novacron, pg_monitor, pg_read_all_data TO novacron_maintenance`,
      `CREATE SCHEMA many AUTHORIZATION novacron`,
      `SET ROLE novacron`,
      `CREATE TABLE many.pattern (id bigint PRIMARY KEY, owner_id int NOT NULL, name text NOT NULL)`,
      `CREATE INDEX ON many.pattern (owner_id)`,
      `CREATE INDEX ON many.pattern (name, owner_id)`,
      `INSERT INTO many.pattern SELECT i, i % 7, 'name ' || i FROM generate_series(1, 50) AS i`,
      // A transaction holds a lock for each table it makes.
      `DO $$ BEGIN
         FOR i IN 2..${tables} LOOP
           EXECUTE format('CREATE TABLE many.%I (LIKE many.pattern INCLUDING ALL)', 'table_' || i);
           EXECUTE format('INSERT INTO many.%I SELECT * FROM many.pattern', 'table_' || i);
           IF i % 100 = 0 THEN COMMIT; END IF;
         END LOOP;
       END $$`,
      `RESET ROLE`,
      `ANALYZE`,
    ])
      await client.query(statement);
  } finally {
    await client.end();
  }
  const maintenance = new URL(url);
  [maintenance.username, maintenance.password] = ['novacron_maintenance', password];
  return maintenance.href;
}
