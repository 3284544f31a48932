-- What is not as it should be, one statement for each sort of damage: path, key, and what of it.

-- name: stray_namespaces
SELECT NULL AS path, x.key, x.space AS detail
FROM (
    SELECT space, key FROM versions UNION SELECT space, key FROM items
    UNION SELECT space, key FROM messages UNION SELECT space, name FROM threads
    UNION SELECT space, name FROM jobs
) AS x
WHERE :whole = 1 AND NOT EXISTS (SELECT 1 FROM spaces s WHERE s.id = x.space)
ORDER BY x.space, x.key

-- name: stray_items
SELECT s.path, i.key, i.version AS detail FROM items i JOIN spaces s ON s.id = i.space
WHERE i.space IN INTS(:spaces)
  AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.space = i.space AND v.key = i.key)
ORDER BY s.path, i.key

-- name: stray_documents
SELECT s.path, NULL AS key, d.id AS detail FROM documents d LEFT JOIN spaces s ON s.id = d.space
WHERE (:whole = 1 OR d.space IN INTS(:spaces))
  AND (
      s.id IS NULL
      OR d.sort = 'memory' AND NOT EXISTS (SELECT 1 FROM items i WHERE i.id = d.id)
      OR d.sort = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = d.id)
  )
ORDER BY d.id

-- name: stray_messages
SELECT s.path, m.key, m.thread AS detail FROM messages m JOIN spaces s ON s.id = m.space
WHERE m.space IN INTS(:spaces)
  AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = m.thread AND t.space = m.space)
ORDER BY s.path, m.key

-- name: stray_vectors
SELECT DISTINCT s.path, NULL AS key, v.document AS detail
FROM vectors v LEFT JOIN documents d ON d.id = v.document LEFT JOIN spaces s ON s.id = v.space
WHERE (:whole = 1 OR v.space IN INTS(:spaces))
  AND (
      d.id IS NULL OR d.embedder IS NULL OR d.embedder <> v.embedder
      OR d.space <> v.space OR d.sort <> v.sort
  )
ORDER BY v.document

-- name: stray_origins
SELECT NULL AS path, NULL AS key, o.sort || ':' || o.ref AS detail FROM origins o
WHERE :whole = 1 AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.id = o.version)
ORDER BY o.version

-- name: stray_sources
SELECT s.path, v.key, o.ref AS detail
FROM origins o JOIN versions v ON v.id = o.version JOIN spaces s ON s.id = v.space
WHERE o.sort = 'message' AND v.space IN INTS(:spaces)
  AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.space = v.space AND m.key = o.ref)
ORDER BY s.path, v.key, v.revision, o.ref

-- name: stray_supersessions
SELECT s.path, v.key, x.key AS detail
FROM supersessions x
LEFT JOIN versions v ON v.id = x.version LEFT JOIN spaces s ON s.id = x.space
WHERE (:whole = 1 OR x.space IN INTS(:spaces))
  AND (
      v.id IS NULL
      OR NOT EXISTS (SELECT 1 FROM versions o WHERE o.space = x.space AND o.key = x.key)
  )
ORDER BY s.path, v.key, v.revision, x.key

-- name: stray_cursors
SELECT NULL AS path, NULL AS key, c.reader AS detail FROM cursors c
WHERE :whole = 1 AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = c.thread)
ORDER BY c.thread, c.reader

-- Consolidation has read memories up to a revision, and no messages.
-- name: cursors_ahead
SELECT s.path, t.name AS key, c.reader AS detail
FROM cursors c JOIN threads t ON t.id = c.thread JOIN spaces s ON s.id = t.space
WHERE t.space IN INTS(:spaces) AND c.seq > t.last
  AND NOT (t.name = 'consolidation' AND substr(c.reader, 1, 12) = 'consolidate:')
ORDER BY s.path, t.name, c.reader

-- name: threads_behind
SELECT s.path, t.name AS key, max(m.seq) AS detail
FROM threads t JOIN messages m ON m.thread = t.id JOIN spaces s ON s.id = t.space
WHERE t.space IN INTS(:spaces)
GROUP BY t.id, s.path, t.name, t.last HAVING max(m.seq) > t.last
ORDER BY s.path, t.name

-- name: seqs_twice
SELECT s.path, t.name AS key, m.seq AS detail
FROM messages m JOIN threads t ON t.id = m.thread JOIN spaces s ON s.id = t.space
WHERE t.space IN INTS(:spaces)
GROUP BY t.id, s.path, t.name, m.seq HAVING count(*) > 1
ORDER BY s.path, t.name, m.seq

-- name: parts_of
SELECT document, part FROM vectors WHERE document IN INTS(:ids) ORDER BY document, part
