"""What old rows lack, filled in."""
