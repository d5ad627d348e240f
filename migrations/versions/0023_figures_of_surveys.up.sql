-- figure_days by survey: how much there is of one is shown wherever it is listed.
CREATE INDEX figure_days_survey_idx ON figure_days (surveyid, day) WHERE surveyid IS NOT NULL;
