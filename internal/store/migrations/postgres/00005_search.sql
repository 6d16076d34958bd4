-- What people look for by who did it. Both tables are drawn from bodies: of
-- requests, the version whose deciders are listed says how far; of events, a
-- counter does. What is missing is filled in beside all else.

-- +goose Up
ALTER TABLE requests ADD COLUMN listed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX requests_unlisted ON requests (id) WHERE listed <> version;

CREATE TABLE request_deciders (
    decider TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (decider, at, request)
);

CREATE TABLE event_words (
    word TEXT COLLATE "C" NOT NULL,
    seq  BIGINT NOT NULL,
    PRIMARY KEY (word, seq)
);
