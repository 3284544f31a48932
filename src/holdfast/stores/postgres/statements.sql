-- What only PostgreSQL says in this way.

-- The inner SELECT hides the count from the planner, who would plan for each anew.
-- name: draw
SELECT nextval('numbers') AS number FROM generate_series(1, (SELECT CAST(:count AS bigint)))

-- name: lock
SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(number)
            ELSE pg_advisory_xact_lock(number) END
FROM unnest(CAST(:numbers AS bigint[]), CAST(:shared AS boolean[])) AS wanted (number, shared)

-- Reading an item again moves its end; where somebody is just writing it, that is moved anyway, and
-- waiting for it could end in a deadlock.
-- name: refresh
UPDATE items SET expires_at = :expires_at
WHERE id = (SELECT id FROM items WHERE id = :id FOR UPDATE SKIP LOCKED)

-- A million on top: what others draw in this very moment stays below.
-- name: advance
SELECT setval('numbers', :least + 1000000) FROM numbers WHERE last_value < :least

-- Words

-- name: words_of
SELECT document AS id, space, tokens FROM words WHERE document IN INTS(:ids)

-- name: stray_words
SELECT s.path, NULL AS key, w.document AS detail
FROM words w LEFT JOIN documents d ON d.id = w.document
LEFT JOIN spaces s ON s.id = CAST(substr(w.space, 2) AS bigint)
WHERE (:whole = 1 OR s.id IN INTS(:spaces)) AND (d.id IS NULL OR d.length = 0)
ORDER BY w.document

-- name: put_words
INSERT INTO words (document, space, terms, tokens)
VALUES (:id, :space, terms(ARRAY[:space, left(:space, 1)], string_to_array(:tokens, ' ')), :tokens)

-- name: drop_words
DELETE FROM words WHERE document = :id

-- name: holding
SELECT (
    SELECT count(*) FROM words
    WHERE terms && (SELECT terms(CAST(:marks AS text[]), string_to_array(asked.word, ' ')))
) AS documents
FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked (word, place) ORDER BY place

-- name: holding_below
SELECT (
    SELECT count(*) FROM words JOIN documents d ON d.id = words.document
    WHERE terms && (SELECT terms(ARRAY[left((CAST(:marks AS text[]))[1], 1)], string_to_array(asked.word, ' ')))
      AND d.sort = :sort AND d.space IN INTS(:spaces)
) AS documents
FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked (word, place) ORDER BY place

-- name: held
SELECT EXISTS (
    SELECT FROM words
    WHERE terms && (SELECT terms(CAST(:marks AS text[]), string_to_array(asked.word, ' ')))
) AS there
FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked (word, place) ORDER BY place

-- name: held_below
SELECT EXISTS (
    SELECT FROM words JOIN documents d ON d.id = words.document
    WHERE terms && (SELECT terms(ARRAY[left((CAST(:marks AS text[]))[1], 1)], string_to_array(asked.word, ' ')))
      AND d.sort = :sort AND d.space IN INTS(:spaces)
) AS there
FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked (word, place) ORDER BY place

-- name: matching
SELECT document AS id, tokens FROM words
WHERE terms && (SELECT terms(CAST(:marks AS text[]), CAST(:tokens AS text[])))

-- name: matching_below
SELECT words.document AS id, words.tokens FROM words JOIN documents d ON d.id = words.document
WHERE terms && (SELECT terms(ARRAY[left((CAST(:marks AS text[]))[1], 1)], CAST(:tokens AS text[])))
  AND d.sort = :sort AND d.space IN INTS(:spaces)

-- What was not seen yet may have been written by any transaction that ran when it was last looked.

-- name: text_generations
SELECT id, CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS generation
FROM spaces WHERE id IN INTS(:spaces)

-- name: changed_texts
SELECT d.id, d.sort, w.tokens, m.thread, m.role, m.speaker, m.time, m.recorded_at, d.days,
       rtrim(m.text) LIKE '%?' AS asks
FROM documents d LEFT JOIN words w ON w.document = d.id LEFT JOIN messages m ON m.id = d.id
WHERE d.space = :space
  AND d.changed >= CAST(CAST(greatest(CAST(:generation AS bigint), 0) AS text) AS xid8)
ORDER BY m.thread, m.seq

-- Vectors. What stands in braces is filled in for one embedder: the planner takes an index that
-- holds one embedder's vectors only where it reads its name.

-- name: put_vector
INSERT INTO vectors (document, part, embedder, space, sort, vector)
VALUES (:document, :part, :embedder, :space, :sort, CAST(:vector AS real[]))

-- name: vectors_whole
SELECT document, part, CAST(vector AS real[]) AS vector FROM vectors
WHERE document IN INTS(:ids) ORDER BY document, part

-- name: take_up_pgvector
ALTER TABLE vectors ALTER COLUMN vector TYPE vector

-- name: make_nearness
CREATE INDEX IF NOT EXISTS {index} ON vectors USING hnsw ((vector::{type}) {order})
WHERE embedder = {embedder}

-- name: vectors_in_scope
SELECT count(*) AS number FROM (
    SELECT 1 FROM vectors
    WHERE embedder = :embedder AND sort = :sort AND space IN INTS(:spaces) LIMIT :limit
) AS found

-- name: ef_search
SELECT set_config('hnsw.ef_search', CAST(CAST(:number AS bigint) AS text), true)

-- name: nearest
SELECT document, -(vector <#> CAST(:vector AS real[])::vector) AS score FROM vectors
WHERE embedder = {embedder} AND sort = :sort AND space IN INTS(:spaces)
ORDER BY vector::{type} <#> CAST(:vector AS real[])::vector::{type}
LIMIT :limit

-- name: nearest_exactly
SELECT document, max(-(vector <#> CAST(:vector AS real[])::vector)) AS score FROM vectors
WHERE embedder = {embedder} AND sort = :sort AND space IN INTS(:spaces)
GROUP BY document ORDER BY score DESC, document DESC
LIMIT :limit

-- What is written often many times at once: the rows come as one JSON text.

-- name: many_put_document
INSERT INTO documents (id, space, sort, generation, length, embedder, days)
SELECT id, space, sort, revision, length, embedder, days
FROM json_to_recordset(CAST(:rows AS json)) AS row (
    id bigint, space bigint, sort text, revision bigint, length integer, embedder text,
    days text
)
ON CONFLICT (id) DO UPDATE
SET sort = excluded.sort, generation = excluded.generation, length = excluded.length,
    embedder = excluded.embedder, days = excluded.days

-- name: many_put_version
INSERT INTO versions
    (id, space, key, revision, base, value, recorded_at, valid_from, valid_to, importance,
     fields, ttl, state, who, model, prompt, salt, digest)
SELECT id, space, key, revision, base, value, recorded_at, valid_from, valid_to, importance,
       fields, ttl, state, who, model, prompt, salt, digest
FROM json_populate_recordset(CAST(NULL AS versions), CAST(:rows AS json))

-- name: many_put_item
INSERT INTO items
    (id, space, key, version, created_at, updated_at, expires_at, pinned, recalls, recalled_at,
     strength)
SELECT id, space, key, version, created_at, updated_at, expires_at, pinned, recalls, recalled_at,
       strength
FROM json_populate_recordset(CAST(NULL AS items), CAST(:rows AS json))
ON CONFLICT (id) DO UPDATE
SET version = excluded.version, updated_at = excluded.updated_at,
    expires_at = excluded.expires_at

-- name: many_put_origin
INSERT INTO origins (version, sort, ref)
SELECT version, sort, ref FROM json_populate_recordset(CAST(NULL AS origins), CAST(:rows AS json))
ON CONFLICT DO NOTHING

-- name: many_put_message
INSERT INTO messages
    (id, space, thread, seq, key, said, role, text, speaker, time, own_id, calls, recorded_at)
SELECT id, space, thread, seq, key, said, role, text, speaker, time, own_id, calls, recorded_at
FROM json_populate_recordset(CAST(NULL AS messages), CAST(:rows AS json))

-- name: many_put_words
INSERT INTO words (document, space, terms, tokens)
SELECT id, space, terms(ARRAY[space, left(space, 1)], string_to_array(tokens, ' ')), tokens
FROM json_to_recordset(CAST(:rows AS json)) AS row (id bigint, space text, tokens text)

-- name: many_drop_words
DELETE FROM words WHERE document IN (
    SELECT id FROM json_to_recordset(CAST(:rows AS json)) AS row (id bigint)
)

-- name: many_drop_vectors
DELETE FROM vectors WHERE document IN (
    SELECT id FROM json_to_recordset(CAST(:rows AS json)) AS row (id bigint)
)

-- Jobs

-- Machines may disagree about the time; the server tells it to all of them.
-- name: clock
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS now

-- A worker takes over nothing that it is doing: where the clock was set, it still has it.
-- The namespace is no join: without statistics the planner would begin with all of them, and sort.
-- name: due_job
SELECT j.space, j.name, (SELECT path FROM spaces WHERE id = j.space) AS path FROM jobs j
WHERE j.handler = :handler AND j.wake_at <= :now
  AND (SELECT s.path = :path OR (s.path >= :low AND s.path < :high) FROM spaces s WHERE s.id = j.space)
  AND NOT (j.state = 'running' AND j.fence IN INTS(:held))
ORDER BY j.wake_at LIMIT 1
FOR UPDATE OF j SKIP LOCKED

-- One row in any case, in which the job is NULL where there is none.
-- name: job_and_time
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS now, j.*
FROM (SELECT 1) AS always
LEFT JOIN LATERAL (SELECT * FROM jobs WHERE space = :space AND name = :name FOR UPDATE) j ON true

-- name: job
SELECT * FROM jobs WHERE space = :space AND name = :name FOR UPDATE

-- name: notify
SELECT pg_notify(:channel, '')
