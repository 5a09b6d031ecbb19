-- The rows: nothing random, everything from the row's number, so that each seed is the same.
-- Shares of novacron.rows: users 8 %, tasks 16 %, schedules 8 %, executions 36 %, audit 20 %, the rest 12 %.

SET ROLE novacron;

INSERT INTO users (id, email, name, created_at, last_login_at)
SELECT md5('user ' || i)::uuid, 'user' || i || '@example.com', 'User ' || i,
  current_setting('novacron.now')::timestamptz - (i % 17000) * interval '1 hour',
  current_setting('novacron.now')::timestamptz - (i * 7 % 100000) * interval '1 minute'
FROM generate_series(1, current_setting('novacron.rows')::bigint * 8 / 100) AS i;

INSERT INTO tasks (owner_id, name, command, payload, created_at)
SELECT md5('user ' || 1 + i % (current_setting('novacron.rows')::bigint * 8 / 100))::uuid, 'task ' || i,
  '/opt/novacron/bin/run --task ' || i, jsonb_build_object('retries', i % 5, 'queue', 'queue-' || i % 12),
  current_setting('novacron.now')::timestamptz - (i % 9000) * interval '1 hour'
FROM generate_series(1, current_setting('novacron.rows')::bigint * 16 / 100) AS i;

INSERT INTO schedules (task_id, expression, next_run_at, updated_at)
SELECT i, i % 60 || ' * * * *', current_setting('novacron.now')::timestamptz + (i % 1440) * interval '1 minute',
  current_setting('novacron.now')::timestamptz - make_interval(days => 2)
FROM generate_series(1, current_setting('novacron.rows')::bigint * 8 / 100) AS i;

INSERT INTO task_executions (task_id, status, started_at, finished_at, output)
SELECT 1 + i * 7919 % (current_setting('novacron.rows')::bigint * 16 / 100),
  (ARRAY['succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed', 'running'])[1 + i % 6],
  started, started + (i % 300) * interval '1 second', repeat('line of output ', (i % 6)::int)
FROM generate_series(1, current_setting('novacron.rows')::bigint * 36 / 100) AS i,
  LATERAL (SELECT current_setting('novacron.now')::timestamptz - (i * 104729 % 130000) * interval '1 minute' AS started) AS s;

-- Every tenth entry is the system's own. The last half a percent lies in next month, which has no partition: it falls
-- into the default one.
INSERT INTO audit_logs (user_id, action, details, created_at)
SELECT CASE WHEN i % 10 > 0 THEN md5('user ' || 1 + i * 31 % (current_setting('novacron.rows')::bigint * 8 / 100))::uuid END,
  (ARRAY['login', 'task.created', 'task.updated', 'task.deleted', 'schedule.changed'])[1 + i % 5],
  jsonb_build_object('address', '10.0.' || i % 250 || '.' || i % 200, 'entry', i),
  CASE
    WHEN i % 200 = 0 THEN date_trunc('month', now.at, 'UTC') + interval '35 days'
    ELSE now.at - (i * 104729 % (360 * 1440)) * interval '1 minute'
  END
FROM generate_series(1, current_setting('novacron.rows')::bigint * 20 / 100) AS i,
  (SELECT current_setting('novacron.now')::timestamptz AS at) AS now;

INSERT INTO "Job ""Templates""" ("Name", body)
SELECT 'Template ' || i, repeat('step ' || i || '; ', 8)
FROM generate_series(1, current_setting('novacron.rows')::bigint * 5 / 100) AS i;

INSERT INTO reporting.task_executions (day, task_id, runs)
SELECT (current_setting('novacron.now')::timestamptz AT TIME ZONE 'UTC')::date - (i / 1000)::int, i % 1000, i % 24
FROM generate_series(1, current_setting('novacron.rows')::bigint * 4 / 100) AS i;

INSERT INTO sessions (token, user_id, expires_at)
SELECT md5('session ' || i)::uuid, md5('user ' || 1 + i % 1000)::uuid,
  current_setting('novacron.now')::timestamptz + (i % 600) * interval '1 minute'
FROM generate_series(1, current_setting('novacron.rows')::bigint * 3 / 100) AS i;

-- How the last good week left it: clean, and with true statistics. Counters of the inserts first: flushed after the
-- VACUUM they would count twice.
SELECT pg_stat_force_next_flush();

VACUUM (ANALYZE);

