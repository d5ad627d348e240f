"""A worker: its Faust app, what each role is made of, what watches it, and its web views."""
