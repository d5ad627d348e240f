-- What the outbox does for every capability; which rows wait is in the file of each.

-- name: begin_for_all_tenants
-- Before taking rows, in its transaction: a process that freezes with rows in hand loses them to another one.
-- Rows of all tenants are sent.
SET LOCAL idle_in_transaction_session_timeout = '15s';
SET LOCAL chatlog.tenant = '*';
