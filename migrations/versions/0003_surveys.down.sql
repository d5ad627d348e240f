-- Tables made here go with all their rows; those of others stay.
DO
$do$
DECLARE
    unwanted regclass;
BEGIN
    FOREACH unwanted IN ARRAY ARRAY [
        to_regclass('responses'), to_regclass('surveys'), to_regclass('credentials'), to_regclass('users')
    ] LOOP
        IF obj_description(unwanted, 'pg_class') LIKE 'Made by chatlog:%' THEN
            EXECUTE format('DROP TABLE %s', unwanted);
        END IF;
    END LOOP;
END
$do$;
