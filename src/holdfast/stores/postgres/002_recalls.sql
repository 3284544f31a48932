-- Days that texts name, how firmly memories stand, and what was recalled in which thread.

ALTER TABLE documents ADD COLUMN days text;  -- first-last as ordinals, apart by spaces

-- Recalls, faded up to recalled_at.
ALTER TABLE items ADD COLUMN strength double precision NOT NULL DEFAULT 0;

UPDATE items SET strength = recalls WHERE recalls > 0;

CREATE TABLE recalled (
    space bigint NOT NULL REFERENCES spaces,
    thread text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,           -- of a memory or a message
    recalled_at text COLLATE "C" NOT NULL,   -- when last
    PRIMARY KEY (space, thread, key)
);

CREATE INDEX recalled_key ON recalled (space, key);
CREATE INDEX recalled_age ON recalled (space, recalled_at);
