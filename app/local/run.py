"""The order of things in `chatlog up`: start, play, tell, wait, stop; and what happens when a part dies."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from agents.side_by_side import side_by_side
from app.local.api import Api
from app.local.directory import run_directory
from app.local.errors import UpFailed
from app.local.export_check import ExportCheck
from app.local.log_tail import LogTail
from app.local.maintenance import Maintenance
from app.local.narrator import Narrator
from app.local.ports import LastPorts, claim_port
from app.local.sample_owners import load_owners
from app.local.services import Services
from app.local.stopping import Stopping
from app.local.workers import Worker
from app.postgres.connections import server_of
from app.settings import Role
from samples.surveys import owners

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from app.local.child import Child
    from app.local.directory import RunDirectory
    from app.local.embedded.service import Service
    from app.local.options import Options
    from app.local.ports import Port
    from app.local.screen import Screen
    from app.settings import Settings
    from app.settings.api import ApiSettings
    from app.settings.web import WebSettings

#: Exit status of `--once` when it was stopped before the samples had arrived; as a shell has it for SIGINT.
EXIT_INTERRUPTED = 130
_LOOK_EVERY_S = 0.25


async def run(options: Options, settings: Settings, screen: Screen) -> int:
    """Run everything until the samples have arrived (`once`) or someone stops it; return the exit status.

    Nothing of it is left running, whatever happens.

    Raises:
        ChatlogError: a part cannot be started, or ended by itself.
    """
    stopping = Stopping()
    try:
        with stopping.by_signals():
            return await _Run(options, settings, screen, stopping).to_the_end()
    except asyncio.CancelledError:
        if not stopping.requested:
            raise
        screen.say("Stopped." if not stopping.at_once else "Stopped at once.")
        return EXIT_INTERRUPTED if options.once else 0


class _Run:
    def __init__(self, options: Options, settings: Settings, screen: Screen, stopping: Stopping) -> None:
        self._options = options
        self._given = settings
        self._screen = screen
        self._stopping = stopping
        self._started_at = time.monotonic()
        self._running: list[RunningPart] = []

    async def to_the_end(self) -> int:
        """Start everything, do what was asked for, stop everything: the API, workers, then services."""
        async with AsyncExitStack() as stack:
            directory = await stack.enter_async_context(run_directory(self._options.data))
            ports = LastPorts(directory.path)
            services = Services(self._given, directory.path, self._screen, ports)
            try:
                for service in reversed(services.embedded):
                    stack.push_async_callback(self._stopping.end, service)
                await services.start()
                self._running += [EmbeddedPart(service, directory) for service in services.embedded]
                processes = self._processes(services.settings, directory, ports)
                stack.push_async_callback(
                    self._end, services, *processes.workers.values(), *processes.others()
                )
                # Before them, so that nobody asks for what no worker is there to do.
                stack.push_async_callback(self._end, services, processes.api)
                return await self._while_all_live(self._use(services, processes, directory))
            finally:
                self._stopping.begin()
                self._screen.say("Stopping ... (Ctrl-C stops at once)")

    def _processes(self, settings: Settings, directory: RunDirectory, ports: LastPorts) -> Processes:
        views = self._view_ports(settings, ports)
        api = self._api(settings, directory, ports)
        workers = {role: Worker(role, settings, port, directory, api.address) for role, port in views.items()}
        maintenance = None if self._options.once else Maintenance(settings, directory)
        return Processes(workers, api, maintenance)

    def _view_ports(self, settings: Settings, ports: LastPorts) -> dict[Role, Port]:
        web = self._options.web_port or _chosen_port(settings.web)
        claimed: dict[Role, Port] = {}
        first = wanted = web or settings.web.port
        for role in Role:
            if settings.topology.idle_because(role):
                continue
            # One that is asked for counts more than that of the last time.
            last = None if web else ports.of(f"{role} worker")
            port = claim_port(last or first, option="--web-port")
            if port.number != (last or wanted):
                self._screen.say(
                    f"! Port {last or wanted} is taken: the {role} worker's web view is on {port.number}"
                )
            ports.keep(f"{role} worker", port.number)
            claimed[role] = port
            first, wanted = port.number + 1, wanted + 1
        return claimed

    def _api(self, settings: Settings, directory: RunDirectory, ports: LastPorts) -> Api:
        chosen = self._options.api_port or _chosen_port(settings.api)
        wanted = chosen or ports.of("API") or settings.api.port
        port = claim_port(wanted, option="--api-port")
        if port.number != wanted:
            self._screen.say(f"! Port {wanted} is taken: the API is on {port.number}")
        ports.keep("API", port.number)
        return Api(settings, port, directory)

    async def _use(self, services: Services, processes: Processes, directory: RunDirectory) -> int:
        plays = self._plays_samples(services)
        # What belongs to others is not ours to fill.
        has_owners = plays and services.postgres is not None
        if has_owners:
            await load_owners(services.settings.database)
        await side_by_side(*(self._start(process) for process in processes.all()))
        missing = await self._play(services, processes, has_owners=has_owners) if plays else []
        if self._options.once:
            return 1 if missing else 0
        self._screen.say("")
        self._screen.say_table(_addresses(services, processes, directory, has_owners=has_owners))
        self._screen.say("Running until Ctrl-C.", "bold")
        until_stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await until_stopped

    async def _start(self, process: Child) -> None:
        what = process.name.replace("The ", "the ", 1)
        with self._screen.step(f"Starting {what}") as step:
            await process.launch()
            self._running.append(process)
            await process.until_ready()
            step.done = process.readiness

    def _plays_samples(self, services: Services) -> bool:
        # What is embedded is nobody's production, whatever VLAB_ENV says.
        some_are_real = services.kafka is None or services.postgres is None
        settings = self._given if some_are_real else services.settings
        plays = self._options.plays_samples_into(settings.topology)
        if not plays and self._options.samples is None:
            self._screen.say(
                f"! VLAB_ENV is {self._given.topology.vlab_env}: no samples are played; --samples plays them"
            )
        return plays

    async def _play(self, services: Services, processes: Processes, *, has_owners: bool) -> list[str]:
        narrator = Narrator(services.settings, self._screen, self._started_at)
        missing = await narrator.narrate()
        counts = {role: await worker.counters() for role, worker in processes.workers.items()}
        narrator.sum_up(counts, missing)
        if self._options.once and has_owners:
            wrong = await ExportCheck(services.settings.database, processes.api, self._screen).run()
            narrator.tell_exports(wrong)
            missing += wrong
        return missing

    async def _end(self, services: Services, *processes: Child) -> None:
        # Without its services, a process would wait for them until its deadline.
        in_vain = not all(service.running for service in services.embedded)
        await self._stopping.end(*processes, at_once=in_vain)

    async def _while_all_live(self, work: Coroutine[None, None, int]) -> int:
        """Do the work, unless a part dies meanwhile."""
        tasks = asyncio.create_task(work), asyncio.create_task(self._until_one_dies())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # What went wrong with the work may only be a consequence.
            self._check_all_live()
            return tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_one_dies(self) -> NoReturn:
        while True:
            self._check_all_live()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _check_all_live(self) -> None:
        # Services come first: a worker may have ended because of them.
        for part in self._running:
            part.check()


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of ours in a run."""

    workers: Mapping[Role, Worker]
    api: Api
    maintenance: Maintenance | None

    def all(self) -> list[Child]:
        """Return every one."""
        return [*self.workers.values(), self.api, *self.others()]

    def others(self) -> list[Child]:
        """Return those that answer nobody."""
        return [self.maintenance] if self.maintenance else []


class RunningPart(Protocol):
    """Something whose end is the end of the run."""

    @property
    def running(self) -> bool:
        """Whether its process lives."""

    def check(self) -> None:
        """Raise UpFailed if it doesn't."""


class EmbeddedPart:
    """An embedded service that has been started."""

    def __init__(self, service: Service, directory: RunDirectory) -> None:
        self._service = service
        self._is_kept = directory.is_kept
        self._log = LogTail(service.log)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._service.running

    def check(self) -> None:
        """Raise UpFailed if it doesn't."""
        if not self.running:
            raise UpFailed(f"{self._service.name} ended by itself. {self._log.told(with_path=self._is_kept)}")


def _chosen_port(area: ApiSettings | WebSettings) -> int | None:
    """Return the port that a person set; None where it is what it is by default."""
    return area.port if "port" in area.model_fields_set else None


def _addresses(
    services: Services, processes: Processes, directory: RunDirectory, *, has_owners: bool
) -> dict[str, str]:
    settings = services.settings
    database_url = settings.database.require_url()
    return (
        {"sign in": _sign_in(processes.api, has_owners=has_owners), "API": f"{processes.api.url}/docs"}
        | {f"{role} worker": worker.url for role, worker in processes.workers.items()}
        | {
            # A password is shown only if it was made for this machine alone.
            "PostgreSQL": f"psql {database_url}" if services.postgres else server_of(database_url),
            "Kafka": ",".join(settings.kafka.require_servers()),
            "storage": f"{settings.storage.endpoint or 'S3'}, bucket {settings.storage.require_bucket()}",
            "logs": str(directory.logs),
        }
    )


def _sign_in(api: Api, *, has_owners: bool) -> str:
    if has_owners:
        return api.sign_in_link(owners()[0].email)
    return "set API_JWT_SECRET before; then `chatlog token --link EMAIL` makes a link for an owner"
