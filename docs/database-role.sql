-- The role that maintenance works with: no superuser. Run as a superuser (on RDS: the master user), once for each database server.
-- Put host, port, dbname, username and password into the secret that config/<environment>.yaml names.

CREATE ROLE novacron_maintenance LOGIN NOSUPERUSER PASSWORD 'choose one';

-- Owner by membership: VACUUM, ANALYZE and every clean-up need ownership. Name each role that owns tables.
GRANT novacron TO novacron_maintenance;

-- Sees every session and all statistics, reads all tables (PostgreSQL 14 and later).
GRANT pg_monitor, pg_read_all_data TO novacron_maintenance;

-- As whom other people's statements are planned, to advise on slow ones: planning runs their IMMUTABLE functions, so this role
-- reads and may do nothing else.
CREATE ROLE novacron_planner NOLOGIN NOSUPERUSER;
GRANT pg_read_all_data TO novacron_planner;
GRANT novacron_planner TO novacron_maintenance;

-- In each database, with pg_stat_statements in shared_preload_libraries.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
