-- Requests, and what the web needs: sessions, tokens, answers that are given
-- again. Of a request the body is what counts; the other columns are what
-- queries look at. live is set from the grant on, until no membership of it can
-- be left.

-- +goose Up
CREATE TABLE requests (
    id         TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    format     INTEGER NOT NULL,
    person     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    by_person  TEXT NOT NULL,
    by_machine TEXT NOT NULL,
    status     TEXT NOT NULL,
    asked_at   BIGINT NOT NULL,
    undecided  INTEGER NOT NULL,
    review     INTEGER NOT NULL,
    live       INTEGER NOT NULL,
    due        BIGINT,
    from_at    BIGINT,
    until_at   BIGINT,
    ended_at   BIGINT,
    body       TEXT NOT NULL
);
CREATE UNIQUE INDEX requests_twice ON requests (person, resource) WHERE status = 'asked';
CREATE INDEX requests_asked ON requests (asked_at, id);
CREATE INDEX requests_person ON requests (person, asked_at, id);
CREATE INDEX requests_by ON requests (by_person, asked_at, id);
CREATE INDEX requests_machine ON requests (by_machine, asked_at, id) WHERE by_machine <> '';
CREATE INDEX requests_resource ON requests (resource, asked_at, id);
CREATE INDEX requests_status ON requests (status, asked_at, id);
CREATE INDEX requests_undecided ON requests (asked_at, id, person, by_person, resource) WHERE undecided = 1;
CREATE INDEX requests_review ON requests (asked_at, id, person, by_person, resource) WHERE review = 1;
CREATE INDEX requests_until ON requests (until_at, from_at, asked_at, id, person, by_person, resource) WHERE until_at IS NOT NULL;
CREATE INDEX requests_ended ON requests (asked_at, id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX requests_live ON requests (until_at, person, id) WHERE live = 1;
CREATE INDEX requests_due ON requests (due, id) WHERE due IS NOT NULL;
CREATE INDEX requests_past ON requests (person, resource, status, asked_at);

-- What people look for in requests, in lower case, apart from them: finding a
-- word is reading all of it.
CREATE TABLE request_words (
    asked_at BIGINT NOT NULL,
    id       TEXT NOT NULL,
    words    TEXT NOT NULL,
    PRIMARY KEY (asked_at, id)
) WITHOUT ROWID;

-- A session that is over keeps its row until its time is up: a page that is
-- still being answered must not bring it back.
CREATE TABLE sessions (
    hash    TEXT PRIMARY KEY,
    person  TEXT NOT NULL,
    data    BLOB NOT NULL,
    expires BIGINT NOT NULL,
    ended   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
    id      TEXT PRIMARY KEY,
    hash    TEXT NOT NULL UNIQUE,
    person  TEXT NOT NULL,
    machine TEXT NOT NULL,
    name    TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    made    BIGINT,
    expires BIGINT,
    used    BIGINT,
    revoked BIGINT
);
CREATE INDEX tokens_person ON tokens (person);

-- An answer without a status is being made.
CREATE TABLE answers (
    caller      TEXT NOT NULL,
    name        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at          BIGINT NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (caller, name)
) WITHOUT ROWID;
CREATE INDEX answers_at ON answers (at);
