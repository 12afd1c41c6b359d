-- The audit log.

-- name: audit_head
SELECT seq, mac FROM audit_head WHERE one = 1;

-- name: audit_add
INSERT INTO audit (seq, at, event, invocation, request_id, detail, key_id, mac)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: audit_head_set
UPDATE audit_head SET seq = ?1, mac = ?2 WHERE one = 1;

-- name: audit_each
SELECT seq, at, event, invocation, request_id, detail, key_id, mac
FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2;
