-- Note that dead letters were put back where they came from. They stay, with the time.
UPDATE dead_letters
SET replayed_at = now()
WHERE id = ANY ($1::bigint[])
