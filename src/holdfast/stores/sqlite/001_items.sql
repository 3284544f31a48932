CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,      -- labels joined by '.', which no label may hold
    key TEXT NOT NULL,
    value TEXT NOT NULL,          -- JSON
    length INTEGER NOT NULL,      -- tokens; 0 when not indexed
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (namespace, key)
);

CREATE INDEX items_newest ON items (updated_at DESC, id DESC);

-- The tokens come ready from Python; the tokenizer only splits them at spaces.
CREATE VIRTUAL TABLE words USING fts5 (tokens, tokenize = "ascii tokenchars '_.'");
