DROP VIEW crm."Audit", crm."Lead", crm."Message", crm."Conversation";
DELETE FROM search_languages WHERE place = 'platform:crm' AND changed_by = 'chatlog';
DROP INDEX IF EXISTS "Message_content_fts_idx";
DROP TABLE crm_audits, crm_leads, backfill_runs;
-- If others have something in it, it stays.
DO
$do$
BEGIN
    DROP SCHEMA crm;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege THEN
        NULL;
END
$do$;
