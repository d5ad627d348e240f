"""Figures: how much is said, by whom, how fast it is answered, and who comes back."""
