DROP POLICY api_delete ON person_weeks;
DROP POLICY of_tenant ON person_weeks;
ALTER TABLE person_weeks DISABLE ROW LEVEL SECURITY;
