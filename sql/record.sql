-- Records.  ?1 is always the key; kind and id follow where one row is meant.

-- An expired row under this key is gone already, whoever's it was.
-- name: record_put
INSERT INTO record (key, kind, id, owner, second, version, expires_at, due_at, hints, sealed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9)
ON CONFLICT (key) DO UPDATE SET
    kind = excluded.kind, id = excluded.id, owner = excluded.owner, second = excluded.second,
    version = excluded.version, expires_at = excluded.expires_at, due_at = excluded.due_at,
    hints = 0, sealed = excluded.sealed
WHERE record.expires_at <= ?10;

-- name: record_get
SELECT kind, id, owner, second, version, expires_at, due_at, hints, sealed,
    (SELECT value FROM epoch WHERE one = 1)
FROM record WHERE key = ?1 AND kind = ?2 AND id = ?3 AND expires_at > ?4;

-- name: record_exists
SELECT 1 FROM record WHERE key = ?1 AND kind = ?2 AND id = ?3 AND expires_at > ?4;

-- ?9 is the number of hints when the caller read the row.  More have come since:
-- the earlier due time that they asked for stays.  The owner is compared, not set.
-- name: record_replace
UPDATE record SET
    second = ?4, version = ?5, expires_at = ?6, sealed = ?8,
    due_at = CASE WHEN hints <> ?9 AND due_at > 0 AND (?7 = 0 OR due_at < ?7)
        THEN due_at ELSE ?7 END
WHERE key = ?1 AND kind = ?2 AND id = ?3 AND version = ?5 - 1 AND expires_at > ?10
    AND owner IS ?11;

-- ?4 is 0 for any version: none is ever 0.
-- name: record_delete
DELETE FROM record WHERE key = ?1 AND kind = ?2 AND id = ?3 AND (?4 = 0 OR version = ?4);

-- name: record_by_owner
SELECT kind, id, owner, second, version, expires_at, due_at, hints, sealed,
    (SELECT value FROM epoch WHERE one = 1)
FROM record WHERE kind = ?1 AND owner = ?2 AND expires_at > ?3
ORDER BY expires_at DESC LIMIT ?4;

-- name: record_by_second
SELECT kind, id, owner, second, version, expires_at, due_at, hints, sealed,
    (SELECT value FROM epoch WHERE one = 1)
FROM record WHERE kind = ?1 AND second = ?2 AND expires_at > ?3
ORDER BY expires_at DESC LIMIT ?4;

-- name: record_due
SELECT kind, id, owner, second, version, expires_at, due_at, hints, sealed,
    (SELECT value FROM epoch WHERE one = 1)
FROM record WHERE kind = ?1 AND due_at > 0 AND due_at <= ?2 AND expires_at > ?3
ORDER BY due_at LIMIT ?4;

-- name: record_hint
UPDATE record SET
    hints = (hints + 1) & 4294967295,
    due_at = CASE WHEN due_at = 0 OR due_at > ?4 THEN ?4 ELSE due_at END
WHERE key = ?1 AND kind = ?2 AND id = ?3 AND expires_at > ?5;

-- name: record_sweep
DELETE FROM record WHERE key IN
    (SELECT key FROM record WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2);

-- name: record_delete_all
DELETE FROM record;
