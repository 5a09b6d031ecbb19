-- What a few months without maintenance make of it. Each statement is a trouble that a step must find, or leave alone.

SET ROLE novacron;

-- The worst: executions were finished twice over, so most of the table is dead, and its indexes have grown with it.
UPDATE task_executions SET finished_at = finished_at + interval '1 second', status = 'done' WHERE status <> 'failed';

UPDATE task_executions SET status = 'succeeded' WHERE id % 2 = 0;

-- Every schedule moved on, twice: twice as many dead rows as live ones, in a smaller table.
UPDATE schedules SET next_run_at = next_run_at + interval '1 hour', updated_at = updated_at + interval '1 hour';

UPDATE schedules SET next_run_at = next_run_at + interval '1 hour', updated_at = updated_at + interval '1 hour';

-- The table that a statement without quotes cannot reach.
UPDATE "Job ""Templates""" SET body = body || 'done';

UPDATE "Job ""Templates""" SET body = body || '.';

-- One partition with many dead rows; its parent has none of its own, and autovacuum counts leaves alone.
DO $$
BEGIN
  FOR time IN 1..3 LOOP
    EXECUTE format('UPDATE %I SET details = details || jsonb_build_object(''checked'', %s)',
      'audit_logs_' || to_char(current_setting('novacron.now')::timestamptz AT TIME ZONE 'UTC' - interval '1 month', 'YYYY_MM'), time);
  END LOOP;
END $$;

-- Some dead rows, too few to be worth it.
DELETE FROM reporting.task_executions WHERE task_id % 20 = 0;

-- Deleted users and tasks: their audit entries and executions are orphans now.
DELETE FROM users WHERE get_byte(decode(left(id::text, 2), 'hex'), 0) < 5;

DELETE FROM tasks WHERE id % 25 = 0;

-- Stale statistics: a quarter of the users changed, half as many tasks came again, and nobody analysed.
UPDATE users SET status = 'dormant', last_login_at = NULL WHERE get_byte(decode(left(id::text, 2), 'hex'), 0) % 4 = 1;

INSERT INTO tasks (owner_id, name, command, payload, created_at)
SELECT owner_id, name || ' again', command, payload, current_setting('novacron.now')::timestamptz
FROM tasks WHERE id % 3 = 0;

-- An address was given twice: the unique index that somebody then tries to build cannot be.
UPDATE users SET email = 'user1@example.com'
WHERE id = (SELECT id FROM users WHERE email > 'user1@example.com' ORDER BY email LIMIT 1);

-- As many dead rows as anywhere else, but someone has just been here: nothing to do.
UPDATE sessions SET expires_at = expires_at + interval '1 hour';

UPDATE sessions SET expires_at = expires_at + interval '1 hour';

SELECT pg_stat_force_next_flush();

VACUUM (ANALYZE) sessions;

