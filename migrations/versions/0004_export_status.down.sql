-- If it was made here, the table goes with all its rows, and with those that undoing 0005 put aside.
DO
$do$
BEGIN
    IF obj_description('export_status'::regclass, 'pg_class') LIKE 'Made by chatlog:%' THEN
        DROP TABLE export_status;
        DROP TABLE IF EXISTS export_status_log;
    END IF;
END
$do$;
