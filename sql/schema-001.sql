-- The first schema.
--
-- key is 64 bits of a hash of kind and id: short integer keys keep the tree flat
-- and the rows short, which is what a page read costs.  kind and id are compared
-- as well, so two ids that share a key are one refused put, never one record.
-- owner and second are NULL for none, so that their indexes hold only what can
-- be asked for.
CREATE TABLE record (
    key INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    id BLOB NOT NULL,
    owner BLOB,
    second BLOB,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    hints INTEGER NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX record_owner ON record (kind, owner, expires_at) WHERE owner IS NOT NULL;
CREATE INDEX record_second ON record (kind, second, expires_at) WHERE second IS NOT NULL;
CREATE INDEX record_due ON record (kind, due_at) WHERE due_at > 0;
CREATE INDEX record_expiry ON record (expires_at);

CREATE TABLE epoch (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    value BLOB NOT NULL
);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    invocation TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    key_id INTEGER NOT NULL,
    mac BLOB NOT NULL
);
CREATE UNIQUE INDEX audit_once ON audit (invocation, event) WHERE invocation <> '';

CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    mac BLOB NOT NULL
);
INSERT INTO audit_head (one, seq, mac) VALUES (1, 0, zeroblob(32));

-- Against our own mistakes only; who can write the file is what the MACs are for.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

PRAGMA user_version = 1;
