-- owner_address: the one form that the addresses of owners are compared in.
--
-- An owner is an email address, however it is written: in the token, in users, in rows of exports from before. It is
-- compared in one form, of which models/owners.py has the reasons.
CREATE FUNCTION owner_address(written text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT lower(normalize(btrim(written, E' \t\r\n'), NFD)) $$;

-- It reads nothing; and where the default is that nobody else may, roles of ours and of others need it all the same.
GRANT EXECUTE ON FUNCTION owner_address(text) TO PUBLIC;
COMMENT ON FUNCTION owner_address(text) IS 'The one form of an owner''s address, to compare it in.';

CREATE INDEX export_status_owner_idx ON export_status (owner_address(user_id));

-- Where users is another's, or a view, it is read as a whole: there are as many rows as people who make surveys.
DO
$do$
BEGIN
    IF obj_description(to_regclass('users'), 'pg_class') LIKE 'Made by chatlog:%' THEN
        CREATE INDEX users_owner_idx ON users (owner_address(email));
    END IF;
END
$do$;
