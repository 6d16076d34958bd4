-- Times are unix microseconds in UTC (NULL: none), lists are JSON in TEXT,
-- booleans 0 or 1. The tables are SQLite's: rows that have a key of their own are
-- stored in its order, once. Every statement that reads or writes them is in
-- words that PostgreSQL shares.

-- +goose Up
CREATE TABLE groups (
    directory TEXT NOT NULL,
    group_id  TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (directory, group_id)
) WITHOUT ROWID;

CREATE TABLE ledger (
    directory  TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    member_id  TEXT NOT NULL,
    group_name TEXT NOT NULL,
    login      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    ref        TEXT NOT NULL,
    person     TEXT NOT NULL,
    anchors    TEXT NOT NULL,
    state      TEXT NOT NULL,
    since      BIGINT,
    confirmed  BIGINT,
    due        BIGINT,
    gone       BIGINT,
    PRIMARY KEY (directory, group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX ledger_person ON ledger (person);

CREATE TABLE past (
    seq        INTEGER PRIMARY KEY,
    directory  TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    member_id  TEXT NOT NULL,
    group_name TEXT NOT NULL,
    login      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    ref        TEXT NOT NULL,
    person     TEXT NOT NULL,
    anchors    TEXT NOT NULL,
    added      BIGINT,
    due        BIGINT,
    removed    BIGINT,
    confirmed  BIGINT,
    why        TEXT NOT NULL
);
CREATE INDEX past_group ON past (directory, group_id);
CREATE INDEX past_person ON past (person);

CREATE TABLE readings (
    directory TEXT NOT NULL,
    group_id  TEXT NOT NULL,
    name      TEXT NOT NULL,
    members   BIGINT NOT NULL,
    read_at   BIGINT,
    PRIMARY KEY (directory, group_id)
) WITHOUT ROWID;

CREATE TABLE notices (
    directory  TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    member_id  TEXT NOT NULL,
    noticed_at BIGINT,
    PRIMARY KEY (directory, group_id, member_id)
) WITHOUT ROWID;

CREATE TABLE holds (
    digest      TEXT PRIMARY KEY,
    plan_digest TEXT NOT NULL,
    run         TEXT NOT NULL,
    held_at     BIGINT,
    changes     TEXT NOT NULL,
    objections  TEXT NOT NULL,
    closed      INTEGER NOT NULL
);

CREATE TABLE releases (
    digest      TEXT PRIMARY KEY,
    released_by TEXT NOT NULL,
    reason      TEXT NOT NULL,
    released_at BIGINT,
    expires     BIGINT,
    used        TEXT NOT NULL
);

CREATE TABLE grants (
    id            TEXT PRIMARY KEY,
    person        TEXT NOT NULL,
    target        TEXT NOT NULL,
    is_resource   INTEGER NOT NULL,
    from_at       BIGINT,
    until_at      BIGINT,
    reason        TEXT NOT NULL,
    granted_by    TEXT NOT NULL,
    granted_at    BIGINT,
    revoked_at    BIGINT,
    revoked_by    TEXT NOT NULL,
    revoke_reason TEXT NOT NULL
);

CREATE TABLE runs (
    run     TEXT PRIMARY KEY,
    started BIGINT,
    ended   BIGINT,
    failure TEXT NOT NULL,
    counts  TEXT NOT NULL
);

-- What an event says stands in its body only: body and hash are what the chain
-- proves, at is a copy to find the newest by.
CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    at   BIGINT,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX events_at ON events (at);
