ALTER TABLE export_status DROP COLUMN cells_not_shown;
