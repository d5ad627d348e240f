"""What is measured, side by side with what: `make bench`, or `python -m benchmarks`. Not in the package."""
