-- Statements that read the same in every backend. A list is written INTS(:name) or TEXTS(:name).

-- name: space
SELECT id FROM spaces WHERE path = :path

-- name: spaces_named
SELECT id, path FROM spaces WHERE path IN TEXTS(:paths)

-- name: spaces_below
SELECT id, path FROM spaces WHERE path = :path OR (path >= :low AND path < :high) ORDER BY path

-- name: make_space
INSERT INTO spaces (id, path, generation) VALUES (:id, :path, 0) ON CONFLICT (path) DO NOTHING

-- name: raise_generation
UPDATE spaces SET generation = :revision WHERE id = :space

-- name: namespaces
SELECT DISTINCT s.path FROM spaces s
WHERE EXISTS (
    SELECT 1 FROM items i
    WHERE i.space = s.id AND (i.expires_at IS NULL OR i.expires_at > :now)
)
ORDER BY s.path

-- name: drop_spaces
DELETE FROM spaces WHERE id IN INTS(:spaces)
  AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM recalled r WHERE r.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.space = spaces.id)
  AND NOT EXISTS (SELECT 1 FROM spent p WHERE p.space = spaces.id)

-- Items

-- name: items_at
SELECT i.id, i.key, v.value, v.revision, v.recorded_at, v.ttl, i.version, i.created_at,
       i.updated_at, i.expires_at
FROM items i JOIN versions v ON v.id = i.version
WHERE i.space = :space AND i.key IN TEXTS(:keys)

-- name: item
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at
FROM spaces s JOIN items i ON i.space = s.id JOIN versions v ON v.id = i.version
WHERE s.path = :path AND i.key = :key AND (i.expires_at IS NULL OR i.expires_at > :now)

-- name: items_by_id
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at
FROM items i JOIN versions v ON v.id = i.version JOIN spaces s ON s.id = i.space
WHERE i.id IN INTS(:ids) AND (i.expires_at IS NULL OR i.expires_at > :now)

-- What is no longer so: memories that a current one names as such, unless they were written anew
-- since, and those whose time is over.
-- name: recallable
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at,
       i.strength, i.recalled_at, v.importance, v.valid_from, v.valid_to,
       EXISTS (
           SELECT 1 FROM supersessions x JOIN items n ON n.version = x.version
           JOIN versions w ON w.id = n.version
           WHERE x.space = i.space AND x.key = i.key AND w.revision >= v.revision
             AND (n.expires_at IS NULL OR n.expires_at > :now)
       ) AS superseded
FROM items i JOIN versions v ON v.id = i.version JOIN spaces s ON s.id = i.space
WHERE i.id IN INTS(:ids) AND (i.expires_at IS NULL OR i.expires_at > :now)

-- name: no_longer_so
SELECT i.key FROM items i JOIN versions v ON v.id = i.version
WHERE i.space = :space AND i.key IN TEXTS(:keys)
  AND (v.valid_to <= :now OR EXISTS (
      SELECT 1 FROM supersessions x JOIN items n ON n.version = x.version
      JOIN versions w ON w.id = n.version
      WHERE x.space = i.space AND x.key = i.key AND w.revision >= v.revision
        AND (n.expires_at IS NULL OR n.expires_at > :now)
  ))

-- name: newest_in
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at
FROM items i JOIN versions v ON v.id = i.version JOIN spaces s ON s.id = i.space
WHERE i.space = :space AND (i.expires_at IS NULL OR i.expires_at > :now)
ORDER BY i.updated_at DESC, i.id DESC
LIMIT :limit OFFSET :offset

-- name: newest_below
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at
FROM items i JOIN versions v ON v.id = i.version JOIN spaces s ON s.id = i.space
WHERE i.space IN INTS(:spaces) AND (i.expires_at IS NULL OR i.expires_at > :now)
ORDER BY i.updated_at DESC, i.id DESC
LIMIT :limit OFFSET :offset

-- name: put_item
INSERT INTO items
    (id, space, key, version, created_at, updated_at, expires_at, pinned, recalls, recalled_at,
     strength)
VALUES
    (:id, :space, :key, :version, :created_at, :updated_at, :expires_at, :pinned, :recalls,
     :recalled_at, :strength)
ON CONFLICT (id) DO UPDATE
SET version = excluded.version, updated_at = excluded.updated_at,
    expires_at = excluded.expires_at

-- name: delete_item
DELETE FROM items WHERE id = :id

-- name: refresh
UPDATE items SET expires_at = :expires_at WHERE id = :id

-- name: expired
SELECT i.id, i.space, i.key, s.path FROM items i JOIN spaces s ON s.id = i.space
WHERE i.expires_at IS NOT NULL AND i.expires_at <= :now
ORDER BY i.id LIMIT :limit

-- name: pin
UPDATE items SET pinned = :pinned
WHERE space = :space AND key = :key AND (expires_at IS NULL OR expires_at > :now) RETURNING id

-- name: pin_item
UPDATE items SET pinned = :pinned WHERE id = :id

-- What a pinned memory says may be over, not yet begun, or said otherwise by a newer one.
-- name: pinned
SELECT i.id, s.path, i.key, v.value, v.ttl, i.created_at, i.updated_at, i.expires_at
FROM items i JOIN versions v ON v.id = i.version JOIN spaces s ON s.id = i.space
WHERE i.space IN INTS(:spaces) AND i.pinned = 1
  AND (i.expires_at IS NULL OR i.expires_at > :now)
  AND (v.valid_from IS NULL OR v.valid_from <= :now)
  AND (v.valid_to IS NULL OR v.valid_to > :now)
  AND NOT EXISTS (
      SELECT 1 FROM supersessions x JOIN items n ON n.version = x.version
      JOIN versions w ON w.id = n.version
      WHERE x.space = i.space AND x.key = i.key AND w.revision >= v.revision
        AND (n.expires_at IS NULL OR n.expires_at > :now)
  )
ORDER BY CASE WHEN s.path = :path THEN 0 ELSE 1 END, coalesce(v.importance, 3) DESC,
         i.updated_at DESC, i.id DESC
LIMIT :limit

-- name: recall
UPDATE items SET recalls = recalls + :times, recalled_at = :now, strength = :strength
WHERE id = :id

-- name: strengths
SELECT id, key, strength, recalled_at FROM items WHERE space = :space AND key IN TEXTS(:keys)

-- name: put_recalled
INSERT INTO recalled (space, thread, key, recalled_at) VALUES (:space, :thread, :key, :at)
ON CONFLICT (space, thread, key) DO UPDATE SET recalled_at = excluded.recalled_at

-- name: drop_recalled
DELETE FROM recalled WHERE space = :space AND recalled_at < :before

-- name: recalled_in
SELECT key, recalled_at FROM recalled WHERE space = :space AND thread = :thread
ORDER BY recalled_at, key

-- name: erase_recalled
DELETE FROM recalled WHERE space = :space AND key = :key

-- name: erase_recalled_in
DELETE FROM recalled WHERE space IN INTS(:spaces) AND thread = :thread

-- name: erase_recalled_below
DELETE FROM recalled WHERE space IN INTS(:spaces)

-- Documents, words and vectors

-- name: put_document
INSERT INTO documents (id, space, sort, generation, length, embedder, days)
VALUES (:id, :space, :sort, :revision, :length, :embedder, :days)
ON CONFLICT (id) DO UPDATE
SET sort = excluded.sort, generation = excluded.generation, length = excluded.length,
    embedder = excluded.embedder, days = excluded.days

-- name: drop_document
UPDATE documents SET sort = 'gone', generation = :revision, length = 0, embedder = NULL,
    days = NULL
WHERE id = :id

-- name: erase_documents
DELETE FROM documents WHERE id IN INTS(:ids)

-- name: has_embedder
UPDATE documents SET embedder = :embedder, generation = :revision
WHERE id = :id AND generation = :generation RETURNING id

-- name: put_vector
INSERT INTO vectors (document, part, embedder, space, sort, vector)
VALUES (:document, :part, :embedder, :space, :sort, :vector)

-- name: drop_vectors
DELETE FROM vectors WHERE document = :id

-- name: size
SELECT count(*) AS documents, coalesce(sum(length), 0) AS length FROM documents
WHERE space IN INTS(:spaces) AND sort = :sort AND length > 0

-- name: pending
SELECT d.id, coalesce(i.key, m.key) AS key, d.space, d.sort, d.generation, v.fields, v.value
FROM documents d LEFT JOIN items i ON i.id = d.id LEFT JOIN versions v ON v.id = i.version
LEFT JOIN messages m ON m.id = d.id
WHERE d.space IN INTS(:spaces) AND d.length > 0 AND d.id > :after
  AND (d.embedder IS NULL OR d.embedder <> :embedder)
ORDER BY d.id LIMIT :limit

-- name: count_pending
SELECT count(*) AS pending FROM documents d
WHERE d.space IN INTS(:spaces) AND d.length > 0
  AND (d.embedder IS NULL OR d.embedder <> :embedder)

-- name: has_pending
SELECT EXISTS (
    SELECT 1 FROM documents
    WHERE space IN INTS(:spaces) AND sort = 'memory' AND length > 0 AND embedder IS NULL
) OR EXISTS (
    SELECT 1 FROM documents
    WHERE space IN INTS(:spaces) AND sort = 'memory' AND length > 0 AND embedder < :embedder
) OR EXISTS (
    SELECT 1 FROM documents
    WHERE space IN INTS(:spaces) AND sort = 'memory' AND length > 0 AND embedder > :embedder
) AS pending

-- name: pending_among
SELECT id FROM documents
WHERE id IN INTS(:ids) AND (embedder IS NULL OR embedder <> :embedder)

-- Versions

-- name: put_version
INSERT INTO versions
    (id, space, key, revision, base, value, recorded_at, valid_from, valid_to, importance,
     fields, ttl, state, who, model, prompt, salt, digest)
VALUES
    (:id, :space, :key, :revision, :base, :value, :recorded_at, :valid_from, :valid_to, :importance,
     :fields, :ttl, :state, :who, :model, :prompt, :salt, :digest)

-- name: put_origin
INSERT INTO origins (version, sort, ref) VALUES (:version, :sort, :ref) ON CONFLICT DO NOTHING

-- What a version superseded, the one made from it does too, unless that was written anew since.
-- name: keep_supersessions
INSERT INTO supersessions (version, space, key)
SELECT CAST(:version AS bigint), x.space, x.key FROM supersessions x
JOIN versions b ON b.id = x.version
JOIN items o ON o.space = x.space AND o.key = x.key JOIN versions v ON v.id = o.version
WHERE x.version = :base AND b.revision >= v.revision
ON CONFLICT DO NOTHING

-- name: put_supersession
INSERT INTO supersessions (version, space, key) VALUES (:version, :space, :key)
ON CONFLICT DO NOTHING

-- The last version of each key; a row of NULLs where there is the space, and nothing else.
-- name: standing
SELECT s.id AS space, v.id AS version, v.key, v.value, v.revision, v.recorded_at,
       i.id, i.created_at, i.expires_at, i.pinned, i.recalls, i.recalled_at, i.strength,
       v.importance, v.valid_from, v.valid_to
FROM spaces s
LEFT JOIN versions v ON v.space = s.id AND v.key IN TEXTS(:keys)
  AND v.revision = (
      SELECT max(w.revision) FROM versions w WHERE w.space = v.space AND w.key = v.key
  )
LEFT JOIN items i ON i.space = v.space AND i.key = v.key
WHERE s.path = :path

-- name: history
SELECT v.*, s.path, b.revision AS base_revision
FROM versions v JOIN spaces s ON s.id = v.space LEFT JOIN versions b ON b.id = v.base
WHERE v.space = :space AND v.key = :key
  AND NOT EXISTS (
      SELECT 1 FROM items i
      WHERE i.space = v.space AND i.key = v.key AND i.expires_at <= :now
  )
ORDER BY v.revision

-- name: versions_by_id
SELECT v.*, s.path, b.revision AS base_revision
FROM versions v JOIN spaces s ON s.id = v.space LEFT JOIN versions b ON b.id = v.base
WHERE v.id IN INTS(:ids)
  AND NOT EXISTS (
      SELECT 1 FROM items i
      WHERE i.space = v.space AND i.key = v.key AND i.expires_at <= :now
  )
ORDER BY v.revision, s.path, v.key

-- name: as_of
SELECT v.*, s.path, b.revision AS base_revision
FROM versions v JOIN spaces s ON s.id = v.space LEFT JOIN versions b ON b.id = v.base
WHERE v.space IN INTS(:spaces) AND (:any_key = 1 OR v.key = :key) AND v.value IS NOT NULL
  AND v.revision = (
      SELECT max(w.revision) FROM versions w
      WHERE w.space = v.space AND w.key = v.key AND w.recorded_at <= :time
  )
  AND NOT EXISTS (
      SELECT 1 FROM items i
      WHERE i.space = v.space AND i.key = v.key AND i.expires_at <= :now
  )
ORDER BY s.path, v.key

-- name: origins_of
SELECT version, sort, ref FROM origins WHERE version IN INTS(:ids) ORDER BY version, sort, ref

-- name: superseded_by_versions
SELECT version, key FROM supersessions WHERE version IN INTS(:ids) ORDER BY version, key

-- name: superseding
SELECT x.key AS old, i.key AS new
FROM supersessions x JOIN items i ON i.version = x.version
JOIN versions w ON w.id = i.version
JOIN items o ON o.space = x.space AND o.key = x.key JOIN versions v ON v.id = o.version
WHERE x.space = :space AND x.key IN TEXTS(:keys) AND w.revision >= v.revision
  AND (i.expires_at IS NULL OR i.expires_at > :now)
ORDER BY x.key, i.key

-- name: records
SELECT i.*, v.revision FROM items i JOIN versions v ON v.id = i.version
WHERE i.space = :space AND i.key IN TEXTS(:keys)
  AND (i.expires_at IS NULL OR i.expires_at > :now)

-- name: versions_of_revision
SELECT v.id FROM versions v WHERE v.revision = :revision AND v.space IN INTS(:spaces)

-- name: versions_from
SELECT o.version AS id FROM origins o JOIN versions v ON v.id = o.version
WHERE o.sort = :sort AND o.ref = :ref AND v.space IN INTS(:spaces)

-- name: made_of
SELECT w.id FROM origins o JOIN versions v ON v.id = o.version
JOIN versions w ON w.space = v.space AND w.key = o.ref
WHERE o.sort = 'memory' AND o.version IN INTS(:ids)
  AND w.revision = (
      SELECT max(x.revision) FROM versions x
      WHERE x.space = v.space AND x.key = o.ref AND x.revision <= v.revision
  )

-- name: made_from
SELECT v.id FROM versions w JOIN origins o ON o.sort = 'memory' AND o.ref = w.key
JOIN versions v ON v.id = o.version AND v.space = w.space
WHERE w.id IN INTS(:ids)
  AND w.revision = (
      SELECT max(x.revision) FROM versions x
      WHERE x.space = v.space AND x.key = o.ref AND x.revision <= v.revision
  )

-- name: descendants
WITH RECURSIVE line (id) AS (
    SELECT v.id FROM versions v WHERE v.id IN INTS(:ids)
    UNION
    SELECT v.id FROM versions v JOIN line ON v.base = line.id
)
SELECT id FROM line

-- name: ancestors
WITH RECURSIVE line (id) AS (
    SELECT v.id FROM versions v WHERE v.id IN INTS(:ids)
    UNION
    SELECT v.base FROM versions v JOIN line ON v.id = line.id WHERE v.base IS NOT NULL
)
SELECT id FROM line

-- Erasure

-- name: keys_below
SELECT DISTINCT v.space, v.key FROM versions v WHERE v.space IN INTS(:spaces)
ORDER BY v.space, v.key

-- name: places_of
SELECT id, space, key FROM versions WHERE id IN INTS(:ids) ORDER BY revision, space, key

-- name: versions_at
SELECT id, revision, value, fields, recorded_at FROM versions WHERE space = :space AND key = :key
ORDER BY revision

-- name: seal_erased
INSERT INTO erased (version, digest, erased_at)
SELECT id, digest, :now FROM versions WHERE id IN INTS(:ids)
ON CONFLICT (version) DO NOTHING

-- name: erase_origins
DELETE FROM origins WHERE version IN INTS(:ids)

-- name: erase_supersessions
DELETE FROM supersessions WHERE version IN INTS(:ids)

-- name: erase_supersessions_of
DELETE FROM supersessions WHERE space = :space AND key = :key

-- name: unbase
UPDATE versions SET base = NULL WHERE base IN INTS(:ids)

-- name: erase_versions
DELETE FROM versions WHERE id IN INTS(:ids)

-- name: set_version
UPDATE items SET version = :version, updated_at = :updated_at WHERE id = :id

-- name: erase_messages
DELETE FROM messages WHERE id IN INTS(:ids)

-- name: erase_cursors
DELETE FROM cursors WHERE thread IN INTS(:ids)

-- name: erase_threads
DELETE FROM threads WHERE id IN INTS(:ids)
  AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread = threads.id)

-- name: gone_documents
SELECT id FROM documents WHERE space IN INTS(:spaces) AND sort = 'gone'

-- name: setting
SELECT value FROM settings WHERE name = :name

-- name: put_setting
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: drop_setting
DELETE FROM settings WHERE name = :name AND value = :value

-- The journal

-- name: make_thread
INSERT INTO threads (id, space, name, last) VALUES (:id, :space, :name, 0)
ON CONFLICT (space, name) DO NOTHING

-- name: thread
SELECT id, last FROM threads WHERE space = :space AND name = :name

-- name: threads
SELECT name, last FROM threads WHERE space = :space ORDER BY name

-- name: threads_named
SELECT id FROM threads WHERE space IN INTS(:spaces) AND name = :thread

-- name: threads_in
SELECT id FROM threads WHERE space IN INTS(:spaces)

-- name: draw_seq
UPDATE threads SET last = last + :count WHERE id = :thread
RETURNING last, (
    SELECT m.recorded_at FROM messages m WHERE m.thread = threads.id ORDER BY m.seq DESC LIMIT 1
) AS recorded_at

-- name: thread_end
SELECT key, said FROM messages WHERE thread = :thread AND role <> 'system'
ORDER BY seq DESC LIMIT :limit

-- name: messages_at
SELECT m.*, t.name, s.path FROM messages m JOIN threads t ON t.id = m.thread
JOIN spaces s ON s.id = m.space
WHERE m.space = :space AND m.key IN TEXTS(:keys) ORDER BY m.thread, m.seq

-- name: messages_by_id
SELECT m.*, t.name, s.path FROM messages m JOIN threads t ON t.id = m.thread
JOIN spaces s ON s.id = m.space
WHERE m.id IN INTS(:ids) ORDER BY m.thread, m.seq

-- name: messages_of
SELECT m.*, t.name, s.path FROM messages m JOIN threads t ON t.id = m.thread
JOIN spaces s ON s.id = m.space
WHERE m.thread = (SELECT id FROM threads WHERE space = :space AND name = :thread)
  AND m.seq > :after
ORDER BY m.seq LIMIT :limit

-- name: newest_messages
SELECT m.*, t.name, s.path FROM messages m JOIN threads t ON t.id = m.thread
JOIN spaces s ON s.id = m.space
WHERE m.space IN INTS(:spaces) ORDER BY m.recorded_at DESC, m.id DESC LIMIT :limit OFFSET :after

-- name: messages_around
SELECT m.*, t.name, s.path FROM messages m JOIN threads t ON t.id = m.thread
JOIN spaces s ON s.id = m.space
WHERE m.thread = :thread AND m.seq BETWEEN :first AND :last ORDER BY m.seq

-- name: messages_from_thread
SELECT m.id, m.key, m.thread, m.space FROM messages m JOIN threads t ON t.id = m.thread
WHERE m.space IN INTS(:spaces) AND t.name = :thread

-- name: messages_in
SELECT id, key, thread, space FROM messages WHERE space IN INTS(:spaces)

-- name: put_message
INSERT INTO messages
    (id, space, thread, seq, key, said, role, text, speaker, time, own_id, calls, recorded_at)
VALUES
    (:id, :space, :thread, :seq, :key, :said, :role, :text, :speaker, :time, :own_id, :calls,
     :recorded_at)

-- name: put_cursor
INSERT INTO cursors (thread, reader, seq) VALUES (:thread, :reader, :seq)
ON CONFLICT (thread, reader) DO UPDATE SET seq = excluded.seq WHERE cursors.seq < excluded.seq

-- name: cursor
SELECT c.seq FROM cursors c JOIN threads t ON t.id = c.thread
WHERE t.space = :space AND t.name = :thread AND c.reader = :reader

-- name: erase_empty_cursors
DELETE FROM cursors WHERE thread IN INTS(:ids)
  AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread = cursors.thread)
