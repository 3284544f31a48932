-- Format 3: days that texts name, how firmly memories stand, and what was recalled in which thread.

ALTER TABLE documents ADD COLUMN days TEXT;   -- first-last as ordinals, apart by spaces

ALTER TABLE items ADD COLUMN strength REAL NOT NULL DEFAULT 0;  -- recalls, faded up to recalled_at

UPDATE items SET strength = recalls WHERE recalls > 0;

CREATE TABLE recalled (
    space INTEGER NOT NULL REFERENCES spaces,
    thread TEXT NOT NULL,
    key TEXT NOT NULL,            -- of a memory or a message
    recalled_at TEXT NOT NULL,    -- when last
    PRIMARY KEY (space, thread, key)
) WITHOUT ROWID;

CREATE INDEX recalled_key ON recalled (space, key);
CREATE INDEX recalled_age ON recalled (space, recalled_at);
