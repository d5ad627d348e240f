"""Every class that our packages define, for tests of what holds for all of them."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

#: What Alembic runs, and nobody imports.
_RUN_BY_ALEMBIC = ("migrations.env", "migrations.versions")


def our_classes(*packages: str) -> set[type]:
    """Return the classes of these packages, of all modules in them."""
    modules = [module for package in packages for module in _modules(import_module(package))]
    return {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
    }


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.startswith(_RUN_BY_ALEMBIC):
            yield import_module(found.name)
