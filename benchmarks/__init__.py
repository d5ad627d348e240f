"""What is measured, side by side with what: `make bench`, or `python -m benchmarks`. Not in the package."""

import sys
from pathlib import Path

# A distribution of its own, that nothing here needs installed: as `pythonpath` does for the tests.
sys.path.append(str(Path(__file__).parents[1] / "client"))
