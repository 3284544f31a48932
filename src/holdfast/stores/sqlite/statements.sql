-- What only SQLite says in this way.

-- name: draw
UPDATE counters SET last = last + :count RETURNING last

-- name: put_words
INSERT INTO words (rowid, space, tokens) VALUES (:id, :space, :tokens)

-- name: drop_words
DELETE FROM words WHERE rowid = :id

-- name: holding
SELECT (SELECT count(*) FROM words WHERE words MATCH asked.value) AS documents
FROM json_each(:each_in) AS asked ORDER BY asked.key

-- name: holding_below
SELECT (
    SELECT count(*) FROM words JOIN documents d ON d.id = words.rowid
    WHERE words MATCH asked.value AND d.sort = :sort AND d.space IN INTS(:spaces)
) AS documents
FROM json_each(:each) AS asked ORDER BY asked.key

-- name: held
SELECT EXISTS (SELECT 1 FROM words WHERE words MATCH asked.value) AS there
FROM json_each(:each_in) AS asked ORDER BY asked.key

-- name: held_below
SELECT EXISTS (
    SELECT 1 FROM words JOIN documents d ON d.id = words.rowid
    WHERE words MATCH asked.value AND d.sort = :sort AND d.space IN INTS(:spaces)
) AS there
FROM json_each(:each) AS asked ORDER BY asked.key

-- name: matching
SELECT rowid AS id, tokens FROM words WHERE words MATCH :match_in

-- name: matching_below
SELECT words.rowid AS id, words.tokens FROM words JOIN documents d ON d.id = words.rowid
WHERE words MATCH :match AND d.sort = :sort AND d.space IN INTS(:spaces)

-- name: generations
SELECT id, generation FROM spaces WHERE id IN INTS(:spaces)

-- name: changed_documents
SELECT id FROM documents
WHERE space = :space AND sort IN (:sort, 'gone') AND generation > :generation

-- name: new_vectors
SELECT v.document, v.vector FROM documents d JOIN vectors v ON v.document = d.id
WHERE d.space = :space AND d.generation > :generation AND d.sort = :sort
  AND v.embedder = :embedder
ORDER BY v.document, v.part

-- name: text_generations
SELECT id, generation FROM spaces WHERE id IN INTS(:spaces)

-- name: changed_texts
SELECT d.id, d.sort, w.tokens, m.thread, m.role, m.speaker, m.time, m.recorded_at, d.days,
       rtrim(m.text) LIKE '%?' AS asks
FROM documents d LEFT JOIN words w ON w.rowid = d.id LEFT JOIN messages m ON m.id = d.id
WHERE d.space = :space AND d.sort IN ('memory', 'message', 'gone') AND d.generation > :generation
ORDER BY m.thread, m.seq

-- name: words_of
SELECT rowid AS id, space, tokens FROM words WHERE rowid IN INTS(:ids)

-- name: stray_words
SELECT s.path, NULL AS key, w.rowid AS detail
FROM words w LEFT JOIN documents d ON d.id = w.rowid
LEFT JOIN spaces s ON s.id = CAST(substr(w.space, 2) AS INTEGER)
WHERE (:whole = 1 OR s.id IN INTS(:spaces)) AND (d.id IS NULL OR d.length = 0)
ORDER BY w.rowid

-- name: advance
UPDATE counters SET last = max(last, :least)

-- name: optimize_words
INSERT INTO words (words) VALUES ('optimize')

-- name: check_words
INSERT INTO words (words) VALUES ('integrity-check')

-- Jobs

-- name: clock
SELECT :now AS now

-- A worker takes over nothing that it is doing: where the clock was set, it still has it.
-- name: due_job
SELECT j.space, j.name, s.path FROM jobs j JOIN spaces s ON s.id = j.space
WHERE j.handler = :handler AND j.wake_at <= :now
  AND (s.path = :path OR (s.path >= :low AND s.path < :high))
  AND NOT (j.state = 'running' AND j.fence IN INTS(:held))
ORDER BY j.wake_at LIMIT 1

-- One row in any case, in which the job is NULL where there is none.
-- name: job_and_time
SELECT :now AS now, j.* FROM (SELECT 1) LEFT JOIN jobs j ON j.space = :space AND j.name = :name

-- name: job
SELECT * FROM jobs WHERE space = :space AND name = :name
