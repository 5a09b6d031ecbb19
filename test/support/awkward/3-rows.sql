-- Rows: few, but where a rule looks at them. What is a trouble stands in 4-trouble.sql.

SET ROLE novacron;

INSERT INTO "Mixed" ("Key", note) SELECT 'key ' || i, repeat('x', 20) FROM generate_series(1, 200) AS i;

INSERT INTO "Archive 2025"."Weird ""Name"" With Blanks" ("select") SELECT i FROM generate_series(1, 50) AS i;

INSERT INTO a_table_whose_name_has_all_of_the_sixty_three_bytes_there_are_x SELECT i, i FROM generate_series(1, 200) AS i;

INSERT INTO events (kind, at) SELECT 'kind ' || i % 7, '2026-11-24 08:00:00+00'::timestamptz - i * interval '1 minute' FROM generate_series(1, 2000) AS i;

INSERT INTO "Archive 2025".events SELECT i, 'old', '2025-06-01 00:00:00+00' FROM generate_series(1, 100) AS i;

INSERT INTO serials (label) SELECT 'label ' || i FROM generate_series(1, 100) AS i;

INSERT INTO invoices (total) SELECT i FROM generate_series(1, 60) AS i;

INSERT INTO credits (total) SELECT -i FROM generate_series(1, 20) AS i;

INSERT INTO countdown SELECT FROM generate_series(1, 30);

SELECT nextval('round_robin') FROM generate_series(1, 16);

INSERT INTO shard_config (host) SELECT 'host ' || i FROM generate_series(1, 8) AS i;

INSERT INTO users (id, email) SELECT md5('user ' || i)::uuid, 'user' || i || '@example.com' FROM generate_series(1, 300) AS i;

UPDATE users SET manager_id = md5('user 1')::uuid WHERE email LIKE 'user2%';

INSERT INTO audit_logs (user_id, action, created_at)
SELECT CASE WHEN i % 10 > 0 THEN md5('user ' || 1 + i % 300)::uuid END, 'login', '2026-10-02 00:00:00+00'::timestamptz + i * interval '1 hour'
FROM generate_series(1, 1200) AS i;

INSERT INTO audit_logs_2026_01_backup SELECT * FROM audit_logs LIMIT 20;

INSERT INTO audit_logs_2025_legal_hold SELECT * FROM audit_logs LIMIT 20;

INSERT INTO "audit_logsX2025" SELECT * FROM audit_logs LIMIT 20;

INSERT INTO audit_logs_archive SELECT * FROM audit_logs LIMIT 20;

INSERT INTO daily.audit_logs SELECT i, 'user ' || i % 40, 'login', '2026-11-23 12:00:00+00'::timestamptz + i * interval '1 minute' FROM generate_series(1, 900) AS i;

INSERT INTO audit_log SELECT i, 'system', '2026-11-01'::timestamp + i * interval '1 minute' FROM generate_series(1, 100) AS i;

INSERT INTO regions SELECT (ARRAY['de', 'fr', 'O''Land'])[1 + i % 3], i, 'region ' || i FROM generate_series(1, 90) AS i;

INSERT INTO region_offices SELECT region, id, 'city' FROM regions;

INSERT INTO europe_notes SELECT region, id, 'note' FROM regions LIMIT 10;

INSERT INTO shards SELECT i, 'value' FROM generate_series(1, 100) AS i;

INSERT INTO measurements SELECT 2026, 'heat', i FROM generate_series(1, 100) AS i;

INSERT INTO lowered SELECT 'A' FROM generate_series(1, 10);

INSERT INTO readings SELECT '2025-12-01'::date + i, i FROM generate_series(1, 60) AS i;

INSERT INTO bookings (room, guest, during, cancelled)
SELECT i, 'guest ' || i, tstzrange('2026-11-01'::timestamptz + i * interval '1 day', '2026-11-02'::timestamptz + i * interval '1 day'), i % 2 = 0
FROM generate_series(1, 300) AS i;

INSERT INTO cache_entries SELECT 'key ' || i, '\x00' FROM generate_series(1, 50) AS i;

INSERT INTO keyless SELECT i, 'b' FROM generate_series(1, 50) AS i;

INSERT INTO orders (parent_id, placed_at) SELECT CASE WHEN i % 3 = 0 THEN 1 END, now() FROM generate_series(1, 300) AS i;

INSERT INTO order_lines (order_id, item) SELECT CASE WHEN i % 10 > 0 THEN 1 + i % 300 END, 'item' FROM generate_series(1, 900) AS i;

DELETE FROM order_lines WHERE id % 50 = 0;

REFRESH MATERIALIZED VIEW event_counts;

RESET ROLE;

INSERT INTO tenants SELECT i, 'secret' FROM generate_series(1, 10) AS i;

INSERT INTO partman.part_config VALUES ('public.audit_logs', '90 days');

INSERT INTO _timescaledb_internal.chunk_1 SELECT now(), i FROM generate_series(1, 100) AS i;

-- True statistics for all of it. Counters of the rows first: flushed after the VACUUM they would count twice.
SELECT pg_stat_force_next_flush();

VACUUM (ANALYZE);
