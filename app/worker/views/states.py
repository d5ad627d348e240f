"""The states that the table holds for a user, from whichever worker owns the user's partition.

Any capture worker may be asked: Faust's router knows who owns what, and the question is passed on once. What
`md` holds about the person is told only to a caller who showed the token; without one, only its keys.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from aiohttp import ClientError, ClientTimeout, hdrs, web
from faust.types import TP
from yarl import URL

from app.settings import Role
from models.states import decode_history, states_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.worker.app import WorkerApp
    from app.worker.roles.capture import CaptureWork
    from models.states import History, State

#: How long another worker may take.
ASK_TIMEOUT_S = 3.0
#: Marks a question that was passed on already, so that it is never passed around.
PASSED_ON = "X-Chatlog-Passed-On"


async def state(app: WorkerApp, request: web.Request) -> web.Response:
    """Answer GET /api/state/{userid}: 200 with the states, 404 if there are none, 503 if nobody can tell."""
    if app.role is not Role.CAPTURE:
        return _problem(404, f"a {app.role.value} worker holds no states; ask a capture worker")
    work = cast("CaptureWork", app.work)
    userid = request.match_info["userid"]
    owners = _owners(app, work)
    if not owners or work.homes.partitioner is None:
        return _problem(503, "where users have their homes is not known yet; try again in a moment")
    partition = work.homes.of(userid)
    if TP(work.table.changelog_topic.get_topic_name(), partition) in app.assignor.assigned_actives():
        return _answer(app, work, userid, partition)
    if PASSED_ON in request.headers or partition not in owners:
        return _problem(503, f"partition {partition} is moving to another worker; try again in a moment")
    return await _pass_on(app, request, owners[partition], userid)


def _owners(app: WorkerApp, work: CaptureWork) -> dict[int, str]:
    """Return the address of the worker that owns each partition of the table."""
    by_worker: Mapping[str, Mapping[str, list[int]]] = app.router.table_metadata(work.table.name)
    return {
        partition: url
        for url, topics in by_worker.items()
        for partitions in topics.values()
        for partition in partitions
    }


def _answer(app: WorkerApp, work: CaptureWork, userid: str, partition: int) -> web.Response:
    if app.health.look().recovery is not None:
        return _problem(503, "the state table is being restored; see /health/ready")
    stored = work.table.reader(partition)(userid.encode())
    if stored is None:
        return _problem(404, "no state is known of this user")
    may_see_all = app.settings.web.token is not None  # the guard let nobody else in
    return web.json_response(
        {
            "userid": userid,
            "partition": partition,
            "states": describe(decode_history(stored), may_see_all=may_see_all),
        }
    )


def describe(history: History, *, may_see_all: bool) -> list[dict[str, Any]]:
    """Return a history, newest first; of `md` only the keys unless the caller may see all."""
    return [
        {
            "updated": updated,
            "updated_at": _iso(updated),
            **(known if may_see_all else _without_md(known)),
        }
        for updated, known in reversed(tuple(states_in(history)))
    ]


def _without_md(known: State) -> State:
    told = dict(known)
    md = told.pop("md", None)
    if isinstance(md, dict):
        told["md_keys"] = [*sorted(md)]
    return told


async def _pass_on(app: WorkerApp, request: web.Request, owner: str, userid: str) -> web.Response:
    url = URL(owner).joinpath("api/state", quote(userid, safe=""), encoded=True)
    headers = {PASSED_ON: "1"}
    if hdrs.AUTHORIZATION in request.headers:
        headers[hdrs.AUTHORIZATION] = request.headers[hdrs.AUTHORIZATION]
    try:
        async with app.http_client.get(
            url, headers=headers, timeout=ClientTimeout(ASK_TIMEOUT_S), allow_redirects=False
        ) as answer:
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )
    except (ClientError, OSError, TimeoutError):
        return _problem(503, f"the worker that owns this user does not answer at {owner}; try again later")


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _problem(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)
