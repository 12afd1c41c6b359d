-- Transactions.  Every writer takes the write lock first: a reader that turns
-- writer half way can only fail.

-- name: begin_write
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: schema_version
PRAGMA user_version;

-- name: data_version
PRAGMA data_version;

-- name: epoch_get
SELECT value FROM epoch WHERE one = 1;

-- name: epoch_set
INSERT INTO epoch (one, value) VALUES (1, ?1)
ON CONFLICT (one) DO UPDATE SET value = excluded.value;
