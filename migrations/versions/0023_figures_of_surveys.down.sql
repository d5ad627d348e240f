DROP INDEX figure_days_survey_idx;
