-- Texts that are compared or ordered do so by their bytes, as in SQLite. Times are ISO texts of one
-- width, and values are texts of JSON, so that a row is the same in every backend.

CREATE SEQUENCE numbers AS bigint;

CREATE TABLE settings (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);

CREATE TABLE spaces (
    id bigint PRIMARY KEY,
    path text COLLATE "C" NOT NULL UNIQUE,  -- labels joined by '.', which no label may hold
    generation bigint NOT NULL              -- not kept up: see documents.changed
);

-- One for each thing that can be found: a memory or a message.
CREATE TABLE documents (
    id bigint PRIMARY KEY,
    space bigint NOT NULL REFERENCES spaces,
    sort text COLLATE "C" NOT NULL,         -- 'memory', 'message', or 'gone'
    generation bigint NOT NULL,             -- the revision that last changed it
    length integer NOT NULL,                -- tokens; 0 when not indexed
    embedder text COLLATE "C",              -- whose vectors it has; NULL when none
    changed xid8 NOT NULL DEFAULT pg_current_xact_id()  -- by which transaction, for the ranker
);

CREATE INDEX documents_changes ON documents (space, changed);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := pg_current_xact_id();
    RETURN NEW;
END
$$;

CREATE TRIGGER documents_change BEFORE UPDATE ON documents
FOR EACH ROW EXECUTE FUNCTION note_change();

CREATE INDEX documents_counts ON documents (space, sort, length);
-- Whether something has no vector of an embedder yet is asked by each search.
CREATE INDEX documents_embedders ON documents (space, embedder)
WHERE sort = 'memory' AND length > 0;

CREATE TABLE versions (
    id bigint PRIMARY KEY,
    space bigint NOT NULL REFERENCES spaces,
    key text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    base bigint,                            -- the version it was made from
    value text,                             -- JSON; NULL for a delete
    recorded_at text COLLATE "C" NOT NULL,
    valid_from text COLLATE "C",
    valid_to text COLLATE "C",
    importance integer,
    fields text,                            -- which are indexed, as JSON; NULL: the store's own
    ttl double precision,                   -- minutes to live
    state text,                             -- of a delete: what stood beside the value, as JSON
    who text,
    model text,
    prompt text,
    salt text,
    digest text NOT NULL,                   -- of salt and value: a chain of them outlives erasure
    UNIQUE (space, key, revision)
);

CREATE INDEX versions_revision ON versions (revision);
CREATE INDEX versions_base ON versions (base) WHERE base IS NOT NULL;

CREATE TABLE items (
    id bigint PRIMARY KEY REFERENCES documents,
    space bigint NOT NULL REFERENCES spaces,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL REFERENCES versions,
    created_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL,
    expires_at text COLLATE "C",
    pinned integer NOT NULL DEFAULT 0,
    recalls integer NOT NULL DEFAULT 0,
    recalled_at text COLLATE "C",
    UNIQUE (space, key)
);

CREATE INDEX items_newest ON items (space, updated_at DESC, id DESC);
CREATE INDEX items_version ON items (version);
CREATE INDEX items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE origins (
    version bigint NOT NULL REFERENCES versions,
    sort text COLLATE "C" NOT NULL,
    ref text COLLATE "C" NOT NULL,
    PRIMARY KEY (version, sort, ref)
);

CREATE INDEX origins_source ON origins (sort, ref);

CREATE TABLE supersessions (
    version bigint NOT NULL REFERENCES versions,
    space bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (version, key)
);

CREATE INDEX supersessions_old ON supersessions (space, key);

CREATE TABLE erased (version bigint PRIMARY KEY, digest text NOT NULL, erased_at text NOT NULL);

CREATE TABLE threads (
    id bigint PRIMARY KEY,
    space bigint NOT NULL REFERENCES spaces,
    name text COLLATE "C" NOT NULL,
    last bigint NOT NULL DEFAULT 0,
    UNIQUE (space, name)
);

CREATE TABLE messages (
    id bigint PRIMARY KEY REFERENCES documents,
    space bigint NOT NULL REFERENCES spaces,
    thread bigint NOT NULL REFERENCES threads,
    seq bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    said text COLLATE "C" NOT NULL,         -- a digest of role, words and calls
    role text COLLATE "C" NOT NULL,
    text text NOT NULL,
    speaker text,
    time text,
    own_id text,
    calls text NOT NULL DEFAULT '[]',
    recorded_at text COLLATE "C" NOT NULL,
    UNIQUE (space, key),
    UNIQUE (thread, seq)
);

CREATE INDEX messages_said ON messages (thread, said);
CREATE INDEX messages_newest ON messages (space, recorded_at DESC, id DESC);

CREATE TABLE cursors (
    thread bigint NOT NULL REFERENCES threads,
    reader text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (thread, reader)
);

-- What is to be done later, committed together with what gave rise to it.
CREATE TABLE jobs (
    space bigint NOT NULL REFERENCES spaces,
    name text COLLATE "C" NOT NULL,
    payload text NOT NULL,                  -- JSON
    due_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (space, name)
);

CREATE INDEX jobs_due ON jobs (due_at);

-- Becomes a column of pgvector's type when a store is first opened with an embedder; so whoever
-- deletes or copies vectors finds the table in any case.
CREATE TABLE vectors (
    document bigint NOT NULL REFERENCES documents,
    part integer NOT NULL,
    embedder text COLLATE "C" NOT NULL,
    space bigint NOT NULL,
    sort text COLLATE "C" NOT NULL,
    vector real[] NOT NULL,                 -- of length 1
    PRIMARY KEY (document, part)
);

CREATE INDEX vectors_scopes ON vectors (space, sort, embedder);

-- The tokens come ready from Python. Each stands in the index together with a mark: that of its
-- space, so that a search in one space reads nothing of others, and that of its sort.
CREATE TABLE words (
    document bigint PRIMARY KEY,
    space text NOT NULL,                    -- the mark of its space
    terms text[] COLLATE "C" NOT NULL,
    tokens text NOT NULL                    -- in order, with spaces between them
);

-- What waits to be sorted into the index is read by every search; so it is kept short (in KB).
CREATE INDEX words_terms ON words USING gin (terms) WITH (gin_pending_list_limit = 128);

-- An index holds no term of more than some 2,700 bytes; a digest stands for what is too long.
-- Terms that come twice are told apart by the index, which is faster at it.
CREATE FUNCTION terms(marks text[], tokens text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(m || ' ' || CASE WHEN octet_length(t) > 500 THEN md5(t) ELSE t END)
    FROM unnest(marks) m, unnest(tokens) t
$$;
