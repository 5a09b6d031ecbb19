-- The role that maintenance works with: no superuser. Run as a superuser (on RDS: the master user), once for each database server.
-- Put host, port, dbname, username and password into the secret that config/<environment>.yaml names.
-- Which step needs which of these grants, and that it names the one that is missing, is tested in test/lambdas/database/database-role.test.ts.

CREATE ROLE novacron_maintenance LOGIN NOSUPERUSER INHERIT PASSWORD 'choose one';

-- On RDS and Aurora without a password, where the configuration has `iam` for the database: GRANT rds_iam TO novacron_maintenance;

-- Owner by membership: VACUUM and ANALYZE before 17, altering, deleting and every clean-up need ownership. Name each role that owns tables.
GRANT novacron TO novacron_maintenance;

-- Sees every session and all statistics: who holds dead rows back, who holds a lock.
GRANT pg_monitor TO novacron_maintenance;

-- Reads the tables of other owners, too, and the planner's statistics (PostgreSQL 14 and later).
GRANT pg_read_all_data TO novacron_maintenance;

-- In each database: where retired partitions wait before they are dropped. The application has no right in it.
CREATE SCHEMA maintenance_quarantine AUTHORIZATION novacron_maintenance;
