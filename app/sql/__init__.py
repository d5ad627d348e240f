"""What the API asks of the database, one statement per file, read once by name."""

from importlib.resources import files


def statement(name: str) -> str:
    """Return the text of `name`.sql."""
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
