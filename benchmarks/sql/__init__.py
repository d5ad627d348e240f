"""The statements of the benchmarks, one per file: what the pages of the product will ask, and the test data."""

from importlib.resources import files


def statement(name: str) -> str:
    """Return the text of `name`.sql."""
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
