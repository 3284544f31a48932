-- Format 5: who does a job, when it is looked at next, and how jobs ended.

ALTER TABLE jobs ADD COLUMN handler TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN thread TEXT;       -- the conversation that it is about
ALTER TABLE jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting';
ALTER TABLE jobs ADD COLUMN first_at TEXT;
ALTER TABLE jobs ADD COLUMN wake_at TEXT;      -- due, or the end of the lease; NULL when dead
ALTER TABLE jobs ADD COLUMN every REAL;        -- seconds
ALTER TABLE jobs ADD COLUMN ticket INTEGER NOT NULL DEFAULT 0;   -- of when it was last put
ALTER TABLE jobs ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;    -- the ticket when it was claimed
ALTER TABLE jobs ADD COLUMN waiting INTEGER NOT NULL DEFAULT 1;  -- tickets that were not withdrawn
ALTER TABLE jobs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN worker TEXT;
ALTER TABLE jobs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN error TEXT;

UPDATE jobs SET first_at = due_at, wake_at = due_at;

DROP INDEX jobs_due;
CREATE INDEX jobs_wake ON jobs (handler, wake_at);

CREATE TABLE outcomes (
    space INTEGER NOT NULL REFERENCES spaces,
    name TEXT NOT NULL,
    ticket INTEGER NOT NULL,      -- the last that it answers
    ended TEXT NOT NULL,          -- done, dead or cancelled
    receipt TEXT,                 -- JSON, without contents
    error TEXT,
    ended_at TEXT NOT NULL,
    PRIMARY KEY (space, name, ticket)
) WITHOUT ROWID;

CREATE INDEX outcomes_age ON outcomes (ended_at);

-- What models cost, by day, where there is a limit to it.
CREATE TABLE spent (
    space INTEGER NOT NULL REFERENCES spaces,
    day TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (space, day)
) WITHOUT ROWID;
