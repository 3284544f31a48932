-- Everything of a namespace, page by page, in the order of names.

-- name: next_keys
SELECT DISTINCT key FROM versions
WHERE space = :space AND key >= :start AND (key <> :start OR :first = 1)
ORDER BY key LIMIT :limit

-- name: versions_whole
SELECT v.*, b.revision AS base_revision
FROM versions v LEFT JOIN versions b ON b.id = v.base AND b.space = v.space AND b.key = v.key
WHERE v.space = :space AND v.key IN TEXTS(:keys) ORDER BY v.key, v.revision

-- name: items_whole
SELECT i.*, v.fields, d.sort, d.space AS found_in, d.length, d.embedder
FROM items i LEFT JOIN versions v ON v.id = i.version LEFT JOIN documents d ON d.id = i.id
WHERE i.space = :space AND i.key IN TEXTS(:keys)

-- name: vectors_whole
SELECT document, part, vector FROM vectors WHERE document IN INTS(:ids) ORDER BY document, part

-- name: next_threads
SELECT id, name, last FROM threads
WHERE space = :space AND name >= :start AND (name <> :start OR :first = 1)
ORDER BY name LIMIT :limit

-- name: cursors_of
SELECT thread, reader, seq FROM cursors WHERE thread IN INTS(:ids) ORDER BY thread, reader

-- name: next_messages
SELECT m.*, d.sort, d.space AS found_in, d.length, d.embedder
FROM messages m LEFT JOIN documents d ON d.id = m.id
WHERE m.thread = :thread AND m.seq > :after ORDER BY m.seq LIMIT :limit

-- name: jobs_of
SELECT name, payload, due_at, handler, thread, every, first_at, attempts, error, state
FROM jobs WHERE space = :space ORDER BY name

-- name: next_erased
SELECT version, digest, erased_at FROM erased WHERE version > :after ORDER BY version LIMIT :limit

-- name: count_memories
SELECT count(*) AS number
FROM (SELECT DISTINCT space, key FROM versions WHERE space IN INTS(:spaces)) AS memories

-- name: count_messages
SELECT count(*) AS number FROM messages WHERE space IN INTS(:spaces)

-- name: keys_of_memories
SELECT s.path, k.key
FROM (
    SELECT DISTINCT v.space, v.key FROM versions v
    WHERE v.space IN INTS(:spaces) AND v.key >= :start AND v.key < :beyond
      AND NOT EXISTS (
          SELECT 1 FROM items i
          WHERE i.space = v.space AND i.key = v.key AND i.expires_at <= :now
      )
) AS k JOIN spaces s ON s.id = k.space
ORDER BY k.key, s.path LIMIT :limit

-- name: keys_of_messages
SELECT s.path, m.key FROM messages m JOIN spaces s ON s.id = m.space
WHERE m.space IN INTS(:spaces) AND m.key >= :start AND m.key < :beyond
ORDER BY m.key, s.path LIMIT :limit

-- Everything written back

-- name: taken_memories
SELECT DISTINCT key FROM versions WHERE space = :space AND key IN TEXTS(:keys)

-- name: taken_messages
SELECT key FROM messages WHERE space = :space AND key IN TEXTS(:keys)

-- name: taken_threads
SELECT name AS key FROM threads WHERE space = :space AND name IN TEXTS(:keys)

-- name: taken_jobs
SELECT name AS key FROM jobs WHERE space = :space AND name IN TEXTS(:keys)

-- name: move_seq
UPDATE threads SET last = :last WHERE id = :id

-- name: put_erased
INSERT INTO erased (version, digest, erased_at) VALUES (:version, :digest, :erased_at)
