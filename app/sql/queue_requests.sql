-- Requests of one owner for one survey go one after the other, whichever processes they came to, until each
-- transaction ends: what asks next sees the row of the one before. A process that freezes in between lets go, too.
SELECT set_config('idle_in_transaction_session_timeout', '15s', true),
       pg_advisory_xact_lock(hashtextextended($1 || E'\n' || $2, 0))
