-- Who does a job, when it is looked at next, and how jobs ended.

ALTER TABLE jobs
    ADD COLUMN handler text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN thread text COLLATE "C",             -- the conversation that it is about
    ADD COLUMN state text NOT NULL DEFAULT 'waiting',
    ADD COLUMN first_at text COLLATE "C",
    ADD COLUMN wake_at text COLLATE "C",            -- due, or the end of the lease; NULL when dead
    ADD COLUMN every double precision,              -- seconds
    ADD COLUMN ticket bigint NOT NULL DEFAULT 0,    -- of when it was last put
    ADD COLUMN taken bigint NOT NULL DEFAULT 0,     -- the ticket when it was claimed
    ADD COLUMN waiting bigint NOT NULL DEFAULT 1,   -- tickets that were not withdrawn
    ADD COLUMN fence bigint NOT NULL DEFAULT 0,
    ADD COLUMN worker text,
    ADD COLUMN attempts bigint NOT NULL DEFAULT 0,
    ADD COLUMN error text;

UPDATE jobs SET first_at = due_at, wake_at = due_at;

DROP INDEX jobs_due;
CREATE INDEX jobs_wake ON jobs (handler, wake_at);

CREATE TABLE outcomes (
    space bigint NOT NULL REFERENCES spaces,
    name text COLLATE "C" NOT NULL,
    ticket bigint NOT NULL,                 -- the last that it answers
    ended text NOT NULL,                    -- done, dead or cancelled
    receipt text,                           -- JSON, without contents
    error text,
    ended_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (space, name, ticket)
);

CREATE INDEX outcomes_age ON outcomes (ended_at);

-- What models cost, by day, where there is a limit to it.
CREATE TABLE spent (
    space bigint NOT NULL REFERENCES spaces,
    day text COLLATE "C" NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (space, day)
);
