-- name: get
SELECT namespace, key, value, created_at, updated_at FROM items
WHERE namespace = :namespace AND key = :key

-- name: put
INSERT INTO items (namespace, key, value, length, created_at, updated_at)
VALUES (:namespace, :key, :value, :length, :now, :now)
ON CONFLICT (namespace, key) DO UPDATE
SET value = excluded.value, length = excluded.length, updated_at = excluded.updated_at
RETURNING id

-- name: put_words
INSERT INTO words (rowid, tokens) VALUES (:id, :tokens)

-- name: delete_words
DELETE FROM words
WHERE rowid = (SELECT id FROM items WHERE namespace = :namespace AND key = :key)

-- name: delete
DELETE FROM items WHERE namespace = :namespace AND key = :key

-- name: newest
SELECT namespace, key, value, created_at, updated_at FROM items
WHERE :prefix = '' OR namespace = :prefix
   OR (namespace >= :prefix || '.' AND namespace < :prefix || '/')
ORDER BY updated_at DESC, id DESC

-- name: size
SELECT count(*) AS documents, coalesce(avg(length), 0) AS length FROM items
WHERE length > 0
  AND (:prefix = '' OR namespace = :prefix
       OR (namespace >= :prefix || '.' AND namespace < :prefix || '/'))

-- name: holding
SELECT count(*) AS documents FROM words JOIN items ON items.id = words.rowid
WHERE words MATCH :match
  AND (:prefix = '' OR namespace = :prefix
       OR (namespace >= :prefix || '.' AND namespace < :prefix || '/'))

-- name: matching
SELECT namespace, key, value, created_at, updated_at, tokens
FROM words JOIN items ON items.id = words.rowid
WHERE words MATCH :match
  AND (:prefix = '' OR namespace = :prefix
       OR (namespace >= :prefix || '.' AND namespace < :prefix || '/'))

-- name: namespaces
SELECT DISTINCT namespace FROM items ORDER BY namespace
