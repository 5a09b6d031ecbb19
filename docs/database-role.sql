-- The role that maintenance works with: no superuser. Run as a superuser (on RDS: the master user), once for each database server.
-- Put host, port, dbname, username and password into the secret that config/<environment>.yaml names.

CREATE ROLE novacron_maintenance LOGIN NOSUPERUSER PASSWORD 'choose one';

-- Owner by membership: VACUUM, ANALYZE and every clean-up need ownership. Name each role that owns tables.
GRANT novacron TO novacron_maintenance;

-- Sees every session and all statistics, reads all tables (PostgreSQL 14 and later).
GRANT pg_monitor, pg_read_all_data TO novacron_maintenance;

-- In each database: where retired partitions wait before they are dropped. The application has no right in it.
CREATE SCHEMA maintenance_quarantine AUTHORIZATION novacron_maintenance;
