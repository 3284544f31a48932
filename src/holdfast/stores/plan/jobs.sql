-- Jobs: what is to be done later, and how it ended.

-- A job that waits is put off; one that runs keeps its lease, and is due again afterwards.
-- name: put_job
INSERT INTO jobs
    (space, name, handler, thread, payload, due_at, first_at, wake_at, every, ticket)
VALUES
    (:space, :name, :handler, :thread, :payload, :due_at, :first_at, :due_at, :every, :ticket)
ON CONFLICT (space, name) DO UPDATE SET
    handler = excluded.handler, thread = excluded.thread, payload = excluded.payload,
    due_at = excluded.due_at, first_at = excluded.first_at, every = excluded.every, ticket = excluded.ticket,
    waiting = CASE WHEN jobs.ticket > jobs.taken THEN jobs.waiting ELSE 0 END + 1,
    attempts = CASE jobs.state WHEN 'dead' THEN 0 ELSE jobs.attempts END,
    wake_at = CASE jobs.state WHEN 'running' THEN jobs.wake_at ELSE excluded.due_at END,
    state = CASE jobs.state WHEN 'running' THEN 'running' ELSE 'waiting' END

-- name: drop_job
DELETE FROM jobs WHERE space = :space AND name = :name

-- name: erase_jobs
DELETE FROM jobs WHERE space IN INTS(:spaces)

-- name: erase_outcomes
DELETE FROM outcomes WHERE space IN INTS(:spaces)

-- name: erase_spent
DELETE FROM spent WHERE space IN INTS(:spaces)

-- name: jobs
SELECT j.*, s.path FROM jobs j JOIN spaces s ON s.id = j.space
WHERE j.space IN INTS(:spaces) ORDER BY j.due_at, s.path, j.name

-- name: next_job
SELECT min(wake_at) AS wake_at FROM jobs WHERE handler = :handler

-- name: next_job_below
SELECT min(j.wake_at) AS wake_at FROM jobs j JOIN spaces s ON s.id = j.space
WHERE j.handler = :handler AND (s.path = :path OR (s.path >= :low AND s.path < :high))

-- name: claim_job
UPDATE jobs SET state = 'running', fence = :fence, attempts = attempts + 1, taken = ticket,
    worker = :worker, wake_at = :until
WHERE space = :space AND name = :name
RETURNING *

-- name: renew_job
UPDATE jobs SET wake_at = :until
WHERE space = :space AND name = :name AND fence = :fence AND state = 'running'
RETURNING name

-- name: progressed_job
UPDATE jobs SET attempts = 1 WHERE space = :space AND name = :name

-- name: settle_job
UPDATE jobs SET state = :state, wake_at = :wake_at, due_at = :due_at, first_at = :first_at,
    attempts = :attempts, error = :error, waiting = :waiting
WHERE space = :space AND name = :name

-- name: withdraw_job
UPDATE jobs SET waiting = :waiting, ticket = :ticket WHERE space = :space AND name = :name

-- name: job_there
SELECT ticket FROM jobs WHERE space = :space AND name = :name

-- name: erase_jobs_about
DELETE FROM jobs WHERE space IN INTS(:spaces) AND thread = :thread

-- name: put_outcome
INSERT INTO outcomes (space, name, ticket, ended, receipt, error, ended_at)
VALUES (:space, :name, :ticket, :ended, :receipt, :error, :ended_at)
ON CONFLICT (space, name, ticket) DO UPDATE SET ended = excluded.ended,
    receipt = excluded.receipt, error = excluded.error, ended_at = excluded.ended_at

-- name: outcome
SELECT ended, receipt, error FROM outcomes
WHERE space = :space AND name = :name AND ticket >= :ticket ORDER BY ticket LIMIT 1

-- name: drop_outcomes
DELETE FROM outcomes WHERE ended_at < :before

-- Money

-- name: spend
INSERT INTO spent (space, day, calls, tokens) VALUES (:space, :day, :calls, :tokens)
ON CONFLICT (space, day) DO UPDATE
SET calls = spent.calls + excluded.calls, tokens = spent.tokens + excluded.tokens
RETURNING calls, tokens

-- name: spent
SELECT calls, tokens FROM spent WHERE space = :space AND day = :day

-- name: drop_spent
DELETE FROM spent WHERE day < :before
