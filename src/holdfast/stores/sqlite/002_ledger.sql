-- Format 2: versions, sources and the journal stand beside the items.
-- message_of(), message_key(), indexed_of() and sealed() are functions of Python, there while a
-- file is brought up to date.

ALTER TABLE items RENAME TO old_items;
DROP INDEX items_newest;
DROP TABLE words;

CREATE TABLE counters (last INTEGER NOT NULL);

INSERT INTO counters SELECT coalesce(max(id), 0) + 1 FROM old_items;

CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,    -- labels joined by '.', which no label may hold
    generation INTEGER NOT NULL   -- the last revision that moved a vector in it
);

-- One for each thing that can be found: a memory or a message.
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES spaces,
    sort TEXT NOT NULL,           -- 'memory', 'message', or 'gone'
    generation INTEGER NOT NULL,  -- the revision that last changed it
    length INTEGER NOT NULL,      -- tokens; 0 when not indexed
    embedder TEXT                 -- whose vectors it has; NULL when none
);

CREATE INDEX documents_changes ON documents (space, sort, generation, length);
-- Whether something has no vector of an embedder yet is asked by each search.
CREATE INDEX documents_embedders ON documents (space, embedder)
WHERE sort = 'memory' AND length > 0;

CREATE TABLE versions (
    id INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES spaces,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    base INTEGER,                 -- the version it was made from
    value TEXT,                   -- JSON; NULL for a delete
    recorded_at TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    importance INTEGER,
    fields TEXT,                  -- which are indexed, as JSON; NULL for the store's own
    ttl REAL,                     -- minutes to live
    state TEXT,                   -- of a delete: what stood beside the value, as JSON
    who TEXT,
    model TEXT,
    prompt TEXT,
    salt TEXT,
    digest TEXT NOT NULL,         -- of salt and value, so that a chain of them outlives erasure
    UNIQUE (space, key, revision)
);

CREATE INDEX versions_revision ON versions (revision);
CREATE INDEX versions_base ON versions (base) WHERE base IS NOT NULL;

CREATE TABLE items (
    id INTEGER PRIMARY KEY REFERENCES documents,
    space INTEGER NOT NULL REFERENCES spaces,
    key TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES versions,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    expires_at TEXT,
    pinned INTEGER NOT NULL DEFAULT 0,
    recalls INTEGER NOT NULL DEFAULT 0,
    recalled_at TEXT,
    UNIQUE (space, key)
);

CREATE INDEX items_newest ON items (space, updated_at DESC, id DESC);
CREATE INDEX items_version ON items (version);
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE origins (
    version INTEGER NOT NULL REFERENCES versions,
    sort TEXT NOT NULL,
    ref TEXT NOT NULL,
    PRIMARY KEY (version, sort, ref)
) WITHOUT ROWID;

CREATE INDEX origins_source ON origins (sort, ref);

-- The columns of the key come first, since SQLite up to 3.40 examines others wrongly
-- (`integrity_check` finds NULL where there is none).
CREATE TABLE supersessions (
    version INTEGER NOT NULL REFERENCES versions,
    key TEXT NOT NULL,
    space INTEGER NOT NULL,
    PRIMARY KEY (version, key)
) WITHOUT ROWID;

CREATE INDEX supersessions_old ON supersessions (space, key);

CREATE TABLE erased (version INTEGER PRIMARY KEY, digest TEXT NOT NULL, erased_at TEXT NOT NULL);

CREATE TABLE threads (
    id INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES spaces,
    name TEXT NOT NULL,
    last INTEGER NOT NULL DEFAULT 0,
    UNIQUE (space, name)
);

CREATE TABLE messages (
    id INTEGER PRIMARY KEY REFERENCES documents,
    space INTEGER NOT NULL REFERENCES spaces,
    thread INTEGER NOT NULL REFERENCES threads,
    seq INTEGER NOT NULL,
    key TEXT NOT NULL,
    said TEXT NOT NULL,           -- a digest of role, words and calls
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    speaker TEXT,
    time TEXT,
    own_id TEXT,
    calls TEXT NOT NULL DEFAULT '[]',
    recorded_at TEXT NOT NULL,
    UNIQUE (space, key),
    UNIQUE (thread, seq)
);

CREATE INDEX messages_said ON messages (thread, said);
CREATE INDEX messages_newest ON messages (space, recorded_at DESC, id DESC);

CREATE TABLE cursors (
    thread INTEGER NOT NULL REFERENCES threads,
    reader TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (thread, reader)
) WITHOUT ROWID;

-- What is to be done later, committed together with what gave rise to it.
CREATE TABLE jobs (
    space INTEGER NOT NULL REFERENCES spaces,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,        -- JSON
    due_at TEXT NOT NULL,
    PRIMARY KEY (space, name)
) WITHOUT ROWID;

CREATE INDEX jobs_due ON jobs (due_at);

CREATE TABLE vectors (
    document INTEGER NOT NULL REFERENCES documents,
    part INTEGER NOT NULL,
    embedder TEXT NOT NULL,
    space INTEGER NOT NULL,
    sort TEXT NOT NULL,
    vector BLOB NOT NULL,         -- float32, of length 1
    PRIMARY KEY (document, part)
);

-- The tokens come ready from Python; the tokenizer only splits them at spaces. Lengths stand in
-- `documents`.
CREATE VIRTUAL TABLE words
USING fts5 (space, tokens, columnsize = 0, tokenize = "ascii tokenchars '_.'");

-- From format 1, where messages were items of kind Message.

INSERT INTO spaces (id, path, generation)
SELECT min(id), namespace, 0 FROM old_items GROUP BY namespace;

CREATE TEMPORARY TABLE moved AS
SELECT o.id, s.id AS space, o.length = 0 AS hidden, lower(hex(randomblob(16))) AS salt,
       message_of(o.value) AS message, indexed_of(o.value) AS indexed
FROM old_items o JOIN spaces s ON s.path = o.namespace;

UPDATE moved SET hidden = message IS NULL AND hidden AND json_extract(indexed, '$[0]') <> '';

INSERT INTO documents (id, space, sort, generation, length)
SELECT id, space, iif(message IS NULL, 'memory', 'message'), 0,
       iif(hidden, 0, max(json_extract(indexed, '$[1]'), message IS NOT NULL))
FROM moved;

INSERT INTO words (rowid, space, tokens)
SELECT id, iif(message IS NULL, 'm', 'j') || space, json_extract(indexed, '$[0]')
FROM moved WHERE NOT hidden AND json_extract(indexed, '$[0]') <> '';

-- Revision 1, since 0 stands for a memory that is not there.
INSERT INTO versions (id, space, key, revision, value, recorded_at, fields, salt, digest)
SELECT o.id, m.space, o.key, 1, o.value, o.updated_at, iif(m.hidden, 'false', NULL), m.salt,
       sealed(m.salt, o.value)
FROM old_items o JOIN moved m ON m.id = o.id WHERE m.message IS NULL;

INSERT INTO items (id, space, key, version, created_at, updated_at)
SELECT o.id, m.space, o.key, o.id, o.created_at, o.updated_at
FROM old_items o JOIN moved m ON m.id = o.id WHERE m.message IS NULL;

INSERT INTO threads (id, space, name)
SELECT min(id), space, json_extract(message, '$.thread') AS name
FROM moved WHERE message IS NOT NULL GROUP BY space, name;

CREATE TEMPORARY TABLE spoken AS
SELECT m.id, m.space, m.message, t.id AS thread, t.name,
       row_number() OVER (
           PARTITION BY t.id ORDER BY json_extract(m.message, '$.seq'), m.id
       ) AS seq,
       row_number() OVER (
           PARTITION BY t.id, json_extract(m.message, '$.said')
           ORDER BY json_extract(m.message, '$.seq'), m.id
       ) AS occurrence
FROM moved m JOIN threads t
ON t.space = m.space AND t.name = json_extract(m.message, '$.thread');

CREATE TEMPORARY TABLE named AS
SELECT id, message_key(name, message, occurrence) AS key FROM spoken;

-- Where two would have one key, the second keeps its own.
INSERT INTO messages
    (id, space, thread, seq, key, said, role, text, speaker, time, own_id, calls, recorded_at)
SELECT s.id, s.space, s.thread, s.seq,
       iif(row_number() OVER (PARTITION BY s.space, n.key ORDER BY s.id) = 1, n.key, o.key),
       json_extract(message, '$.said'), json_extract(message, '$.role'),
       json_extract(message, '$.text'), json_extract(message, '$.speaker'),
       json_extract(message, '$.time'), json_extract(message, '$.id'),
       json_extract(message, '$.calls'), o.created_at
FROM spoken s JOIN named n ON n.id = s.id JOIN old_items o ON o.id = s.id;

UPDATE threads SET last = (SELECT max(seq) FROM messages WHERE messages.thread = threads.id);

DROP TABLE old_items;
DROP TABLE moved;
DROP TABLE spoken;
DROP TABLE named;
