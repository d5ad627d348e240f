"""No request waits for a thread of the process: there are forty, and each costs as much as a short query."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastapi.routing import iter_route_contexts

from app.site import create_app
from tests.access.signing import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.dependencies.models import Dependant


def calls_of(dependant: Dependant) -> Iterator[Any]:
    """Yield what FastAPI calls for a route: itself, and all that it depends on."""
    yield dependant.call
    for other in dependant.dependencies:
        yield from calls_of(other)


def is_awaited(call: Any) -> bool:
    """Tell whether FastAPI calls it in the event loop."""
    if not inspect.isclass(call) and not inspect.isfunction(call):
        call = type(call).__call__
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def test_routes_and_all_that_they_depend_on_run_in_the_event_loop() -> None:
    app = create_app(
        settings_of(
            storage_bucket="exports",
            database_url="postgresql://u@localhost/x",
            kafka_bootstrap_servers="localhost:9092",
        )
    )
    calls = {
        (context.path, call)
        for context in iter_route_contexts(app.routes)
        if hasattr(context, "dependant")
        for call in calls_of(context.dependant)
    }

    assert len(calls) > 100
    assert {(path, call) for path, call in calls if not is_awaited(call)} == set()
