-- crm: the history of leads, taken from audit logs, with what each run of the backfill made.
--
-- A run is known from its first batch on, and each batch counts itself in its own transaction: what is said of a run
-- that was killed is what is there.
CREATE TABLE backfill_runs (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who      varchar     NOT NULL,
    source   varchar     NOT NULL,
    options  jsonb       NOT NULL,
    status   varchar     NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'finished', 'interrupted', 'failed', 'rolling back', 'rolled back')),
    counts   jsonb       NOT NULL DEFAULT '{}',
    started  timestamptz NOT NULL DEFAULT now(),
    touched  timestamptz NOT NULL DEFAULT now(),
    finished timestamptz
);
COMMENT ON TABLE backfill_runs IS 'Who had conversations and messages made of audit logs, when, and what came of it.';
COMMENT ON COLUMN backfill_runs.source IS 'The directory, or the server and database, without the password.';
COMMENT ON COLUMN backfill_runs.touched IS 'When it last wrote: one that is running and has not for long was killed.';

-- Of a lead and an audit as little as will do: what is said of them is in conversations and messages. No foreign keys:
-- runs are never deleted, and to look each up costs a fifth of writing the row.
CREATE TABLE crm_leads (
    id              varchar PRIMARY KEY,
    created_at      timestamptz,
    conversation_id uuid,
    run_id          bigint NOT NULL
);
CREATE INDEX crm_leads_run_idx ON crm_leads (run_id);
COMMENT ON TABLE crm_leads IS 'Leads of which a run has heard.';
COMMENT ON COLUMN crm_leads.conversation_id IS 'The one conversation with it; null while nothing was said.';
COMMENT ON COLUMN crm_leads.run_id IS 'The run that first heard of it.';

CREATE TABLE crm_audits (
    id         varchar PRIMARY KEY,
    lead_id    varchar     NOT NULL,
    actor      varchar     NOT NULL,
    action     varchar,
    created_at timestamptz NOT NULL,
    message_id uuid        NOT NULL,
    digest     bytea       NOT NULL,
    run_id     bigint      NOT NULL
);
CREATE INDEX crm_audits_run_idx ON crm_audits (run_id, lead_id);
COMMENT ON TABLE crm_audits IS 'Audits of which messages were made: an audit is never taken twice.';
COMMENT ON COLUMN crm_audits.digest IS 'Of what was taken, which tells an audit that was changed afterwards.';


-- The schema has to be there, or the user has to be one who may make it.
DO
$do$
BEGIN
    IF to_regnamespace('crm') IS NULL THEN
        CREATE SCHEMA crm;
    END IF;
    PERFORM make_message_partitions('{crm}');
END
$do$;
-- For SQL that has the words of a message by this expression. On this platform alone, whose months have it as they are
-- made; what people search by is made by `chatlog maintain`, as everywhere.
CREATE INDEX "Message_content_fts_idx" ON messages_crm USING gin (to_tsvector('english', coalesce(content, '')));
INSERT INTO search_languages (place, language, changed_by)
VALUES ('platform:crm', 'english', 'chatlog')
ON CONFLICT (place) DO NOTHING;


-- In the words of the application whose audits they are. A conversation began when its lead was made, also where a
-- message is older.
CREATE VIEW crm."Conversation" AS
SELECT talk.id, talk.external_id AS lead_id, talk.metadata ->> 'customerId' AS customer_id, talk.channel,
       talk.metadata ->> 'externalId' AS external_id, coalesce(lead.created_at, talk.started) AS started_at,
       talk.last_at AS last_message_at, talk.metadata
FROM conversations AS talk
LEFT JOIN crm_leads AS lead ON lead.id = talk.external_id
WHERE talk.platform = 'crm';

CREATE VIEW crm."Message" AS
SELECT id, conversation_id, role, content, timestamp AS created_at, metadata
FROM messages
WHERE platform = 'crm' AND deletion IS DISTINCT FROM 'hide';

CREATE VIEW crm."Lead" AS
SELECT id, created_at, conversation_id
FROM crm_leads;

-- Who writes leadId without quotes means leadid.
CREATE VIEW crm."Audit" AS
SELECT id, lead_id, actor, action, created_at, message_id, lead_id AS leadid
FROM crm_audits;

COMMENT ON VIEW crm."Conversation" IS 'The one conversation with each lead.';
COMMENT ON VIEW crm."Message" IS 'What was said by, to and about leads.';
COMMENT ON VIEW crm."Lead" IS 'The leads that runs of the backfill have met.';
COMMENT ON VIEW crm."Audit" IS 'The audits of which messages were made.';
