from __future__ import annotations

from importlib.resources import files

from sinks.sql import statements


def every_statement(package: str) -> dict[str, str]:
    """Return all statements of a package, each by its file and name: `exports.find_export`."""
    capabilities = sorted(
        path.name.removesuffix(".sql") for path in files(package).iterdir() if path.name.endswith(".sql")
    )
    return {
        f"{capability}.{name}": text
        for capability in capabilities
        for name, text in statements(capability, package).texts.items()
    }
