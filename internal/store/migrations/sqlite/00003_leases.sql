-- What runs side by side need: the end that a directory keeps itself, holds of
-- one directory, leases, a counter that tells at a glance whether grants or
-- releases changed, and where a store that was moved is now.

-- +goose Up
ALTER TABLE ledger ADD COLUMN expires BIGINT;
ALTER TABLE ledger ADD COLUMN asked BIGINT;

ALTER TABLE holds ADD COLUMN directory TEXT NOT NULL DEFAULT '';
ALTER TABLE holds ADD COLUMN parts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE releases ADD COLUMN part_of TEXT NOT NULL DEFAULT '';

-- A lease that was given back has no end: its row stays, so that tokens grow.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token  BIGINT NOT NULL,
    until  BIGINT
) WITHOUT ROWID;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
) WITHOUT ROWID;

-- Empty, unless the store is on its way to another database, or there: done.
CREATE TABLE moved (
    id     TEXT NOT NULL,
    target TEXT NOT NULL,
    done   INTEGER NOT NULL,
    at     BIGINT
);
