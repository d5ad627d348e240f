"""Finds words in all that was said, in any script, for whoever may read it; and lines at random."""
