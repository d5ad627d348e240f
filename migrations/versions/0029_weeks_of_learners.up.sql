-- weeks_of_learners: in which weeks somebody spoke is kept to their tenant, as what they said is.
--
-- As 0027 does it; for the API, which takes a learner's away when it erases them.
ALTER TABLE person_weeks ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON person_weeks
    USING (CASE
        WHEN CASE WHEN platform = 'threads' THEN channel ELSE 'default' END <> (SELECT seen_tenant()) THEN 'hidden'
        ELSE 'seen'
    END <> 'hidden')
    WITH CHECK (CASE
        WHEN CASE WHEN platform = 'threads' THEN channel ELSE 'default' END <> (SELECT seen_tenant()) THEN 'hidden'
        ELSE 'seen'
    END <> 'hidden');
CREATE POLICY api_delete ON person_weeks AS RESTRICTIVE FOR DELETE
    USING (platform = 'threads' OR NOT (SELECT is_api_alone()));
