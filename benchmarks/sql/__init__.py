"""The statements of the benchmarks, one per file: what pages will ask, and the data to ask about."""

from importlib.resources import files


def statement(name: str) -> str:
    """Return the text of `name`.sql."""
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
