-- The schema as it was when PostgreSQL came, with the number that it has on
-- SQLite: later migrations come in pairs. Times are unix microseconds in UTC
-- (NULL: none), lists are JSON in TEXT, booleans 0 or 1. Texts are sorted by
-- their bytes, whatever the language of the database.

-- +goose Up
CREATE TABLE groups (
    directory TEXT COLLATE "C" NOT NULL,
    group_id  TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (directory, group_id)
);

CREATE TABLE ledger (
    directory  TEXT COLLATE "C" NOT NULL,
    group_id   TEXT COLLATE "C" NOT NULL,
    member_id  TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    login      TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    ref        TEXT COLLATE "C" NOT NULL,
    person     TEXT COLLATE "C" NOT NULL,
    anchors    TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    since      BIGINT,
    confirmed  BIGINT,
    due        BIGINT,
    gone       BIGINT,
    wrote      BIGINT,
    expires    BIGINT,
    asked      BIGINT,
    PRIMARY KEY (directory, group_id, member_id)
);
CREATE INDEX ledger_person ON ledger (person);

CREATE TABLE past (
    seq        BIGINT PRIMARY KEY,
    directory  TEXT COLLATE "C" NOT NULL,
    group_id   TEXT COLLATE "C" NOT NULL,
    member_id  TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL,
    login      TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    ref        TEXT COLLATE "C" NOT NULL,
    person     TEXT COLLATE "C" NOT NULL,
    anchors    TEXT COLLATE "C" NOT NULL,
    added      BIGINT,
    due        BIGINT,
    removed    BIGINT,
    confirmed  BIGINT,
    why        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX past_group ON past (directory, group_id);
CREATE INDEX past_person ON past (person);

CREATE TABLE readings (
    directory TEXT COLLATE "C" NOT NULL,
    group_id  TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    members   BIGINT NOT NULL,
    read_at   BIGINT,
    PRIMARY KEY (directory, group_id)
);

CREATE TABLE notices (
    directory  TEXT COLLATE "C" NOT NULL,
    group_id   TEXT COLLATE "C" NOT NULL,
    member_id  TEXT COLLATE "C" NOT NULL,
    noticed_at BIGINT,
    PRIMARY KEY (directory, group_id, member_id)
);

CREATE TABLE holds (
    digest      TEXT COLLATE "C" PRIMARY KEY,
    directory   TEXT COLLATE "C" NOT NULL,
    plan_digest TEXT COLLATE "C" NOT NULL,
    run         TEXT COLLATE "C" NOT NULL,
    held_at     BIGINT,
    changes     TEXT COLLATE "C" NOT NULL,
    objections  TEXT COLLATE "C" NOT NULL,
    closed      INTEGER NOT NULL,
    parts       TEXT COLLATE "C" NOT NULL
);

CREATE TABLE releases (
    digest      TEXT COLLATE "C" PRIMARY KEY,
    released_by TEXT COLLATE "C" NOT NULL,
    reason      TEXT COLLATE "C" NOT NULL,
    released_at BIGINT,
    expires     BIGINT,
    used        TEXT COLLATE "C" NOT NULL,
    part_of     TEXT COLLATE "C" NOT NULL
);

CREATE TABLE grants (
    id            TEXT COLLATE "C" PRIMARY KEY,
    person        TEXT COLLATE "C" NOT NULL,
    target        TEXT COLLATE "C" NOT NULL,
    is_resource   INTEGER NOT NULL,
    from_at       BIGINT,
    until_at      BIGINT,
    reason        TEXT COLLATE "C" NOT NULL,
    granted_by    TEXT COLLATE "C" NOT NULL,
    granted_at    BIGINT,
    revoked_at    BIGINT,
    revoked_by    TEXT COLLATE "C" NOT NULL,
    revoke_reason TEXT COLLATE "C" NOT NULL
);

CREATE TABLE runs (
    run     TEXT COLLATE "C" PRIMARY KEY,
    started BIGINT,
    ended   BIGINT,
    failure TEXT COLLATE "C" NOT NULL,
    counts  TEXT COLLATE "C" NOT NULL
);

-- What an event says stands in its body only: body and hash are what the chain
-- proves, at is a copy to find the newest by.
CREATE TABLE events (
    seq  BIGINT PRIMARY KEY,
    at   BIGINT,
    body TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);
CREATE INDEX events_at ON events (at);

CREATE TABLE known (
    directory TEXT COLLATE "C" PRIMARY KEY,
    mark      TEXT COLLATE "C" NOT NULL,
    whole_at  BIGINT,
    groups    TEXT COLLATE "C" NOT NULL,
    accounts  TEXT COLLATE "C" NOT NULL,
    told      TEXT COLLATE "C" NOT NULL
);

CREATE TABLE listings (
    directory TEXT COLLATE "C" NOT NULL,
    group_id  TEXT COLLATE "C" NOT NULL,
    read_at   BIGINT,
    members   BYTEA NOT NULL,
    PRIMARY KEY (directory, group_id)
);

-- A lease that was given back has no end: its row stays, so that tokens grow.
CREATE TABLE leases (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    token  BIGINT NOT NULL,
    until  BIGINT
);

CREATE TABLE counters (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);
