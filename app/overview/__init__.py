"""The first page: what goes on, and what is wrong, as far as whoever looks may know."""
