"""What is asked for of learners: a file of all that is kept of them, and their erasure."""
