-- What directories that lag or tell what changed need: when our last write was
-- answered, and what of earlier runs still holds. The last two tables are a
-- memory that may be lost: the next run then asks for everything.

-- +goose Up
ALTER TABLE ledger ADD COLUMN wrote BIGINT;

CREATE TABLE known (
    directory TEXT PRIMARY KEY,
    mark      TEXT NOT NULL,
    whole_at  BIGINT,
    groups    TEXT NOT NULL,
    accounts  TEXT NOT NULL,
    told      TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE listings (
    directory TEXT NOT NULL,
    group_id  TEXT NOT NULL,
    read_at   BIGINT,
    members   BLOB NOT NULL,
    PRIMARY KEY (directory, group_id)
) WITHOUT ROWID;
