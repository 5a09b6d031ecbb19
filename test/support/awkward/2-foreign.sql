-- What is not the application's own, and is to be left alone: an extension's, and what looks like TimescaleDB's, pg_partman's,
-- pg_cron's and pg_repack's.

CREATE EXTENSION citext;

CREATE TABLE extension_table (id int, body text);

ALTER EXTENSION citext ADD TABLE extension_table;

CREATE SCHEMA _timescaledb_internal;

CREATE TABLE hypertable (at timestamptz NOT NULL, value float8);

CREATE INDEX hypertable_at ON hypertable (at);

CREATE TABLE _timescaledb_internal.chunk_1 () INHERITS (hypertable);

CREATE SCHEMA partman;

CREATE TABLE partman.part_config (parent text PRIMARY KEY, retention text);

CREATE SCHEMA cron;

CREATE TABLE cron.job (id int PRIMARY KEY, command text);

CREATE SCHEMA repack;

CREATE TABLE repack.log_16384 (id int PRIMARY KEY, pk int);

CREATE FOREIGN DATA WRAPPER elsewhere;

CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;

CREATE FOREIGN TABLE remote_events (id int) SERVER elsewhere;
