-- What the outbox does for every capability; which rows wait is in the file of each.

-- name: let_go_when_frozen
-- Before taking rows, in its transaction: a process that freezes with rows in hand loses them to another one.
SET LOCAL idle_in_transaction_session_timeout = '15s';
