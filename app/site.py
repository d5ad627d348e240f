"""The API: exports, surveys and what brings events by HTTP, beside the pages, as one ASGI application.

`create_app` wires the parts; each resource is a module with a router. It holds no state that another replica
would need: any of them can answer any request.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry

from app.access import AccessLog, Authenticator, EndedSessions, LimitCounters, RateLimits, TrustedProxies
from app.bot_states import api as waiting
from app.bot_states import pages as waiting_pages
from app.bot_states.service import BotStates
from app.channels import api as channels
from app.channels import pages as channel_pages
from app.channels.keeping import keeping_rule
from app.channels.known import KnownChannels
from app.channels.service import ChannelRules
from app.conversations import accesses_api as access_log
from app.conversations import api as conversations
from app.conversations import message_pages, people_pages
from app.conversations import pages as conversation_pages
from app.conversations import reading_api as conversation_reading
from app.conversations import repeats_api as conversation_repeats
from app.conversations.accesses import Accesses
from app.conversations.live import LiveTalks
from app.conversations.service import Conversations
from app.dead_letters import api as dead_letters
from app.dead_letters import pages as dead_letter_pages
from app.dead_letters.replayer import Replayer
from app.dead_letters.service import DeadLetters
from app.exports import api as exports
from app.exports import asking as new_export_page
from app.exports import pages as export_pages
from app.exports.estimates import Estimates
from app.exports.files import ExportFiles, FileGone
from app.exports.looking import ExportList
from app.exports.messages import MessageExports
from app.exports.outgoing import outgoing_jobs
from app.exports.representations import Progress
from app.exports.service import ExportRows
from app.exports.serving import ExportServices
from app.exports.troubled import ExportTroubles
from app.figures import api as figures
from app.figures import pages as figure_pages
from app.figures.service import FiguresService
from app.ingest import api as events
from app.ingest import webhooks
from app.ingest.bodies import BODY_MAX_BYTES
from app.ingest.intake import EventIntake
from app.ingest.metrics import IngestMetrics
from app.ingest.service import Ingest
from app.kafka.clients import client_settings
from app.kafka.topics import events_topics, platforms_of_topics
from app.outbox import Outbox
from app.overview import pages as overview
from app.people import api as opt_outs
from app.people import pages as opt_out_pages
from app.people.opt_outs import OptOuts
from app.postgres.connections import create_pool
from app.postgres.heartbeat import beating
from app.privacy import api as privacy
from app.privacy import pages as privacy_pages
from app.privacy.running import open_privacy
from app.redis import redis_pool
from app.search import api as search
from app.search import pages as search_pages
from app.search.serving import SearchServices
from app.sign_in import pages as sign_in
from app.storage import open_storage
from app.surveys import answers_api
from app.surveys import api as surveys
from app.surveys import pages as survey_pages
from app.surveys import tabs as survey_tabs
from app.surveys.answers import Answers
from app.surveys.service import Surveys
from app.system import api as system
from app.system import pages as system_pages
from app.system.heart import heart_of_api
from app.system.queues import Queues
from app.system.service import SystemWatch
from app.threads import api as threads
from app.threads import message_pages as thread_message_pages
from app.threads import messages_api as thread_messages
from app.threads import pages as thread_pages
from app.threads.outgoing import outgoing_events
from app.threads.running import open_threads
from app.threads.serving import API as REST
from app.traces import api as traces
from app.turns import api as turns
from app.turns.first_told import FirstTold
from app.turns.service import TurnLog
from app.turns.sessions import LoggedSessions
from app.web import addresses, appearance, health, metrics, service, static_files
from app.web.answers import AnswerHeaders
from app.web.body_limit import BodyLimit
from app.web.cross_origin import CrossOrigin
from app.web.docs import DESCRIPTION, TAGS, TITLE, offer_docs
from app.web.error_handlers import answer_errors
from app.web.head import HeadLikeGet
from app.web.public_address import address_of
from app.web.request_ids import RequestIds
from app.web.request_log import RequestLog
from app.web.service import ServiceInformation
from models.access import THREADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its parts connect when it starts, and end with it.

    It starts whatever is down, says so (`/health/ready`), and answers when that is back. It does not start on
    what waiting does not mend, such as a wrong password (DatabaseRefuses).

    Raises:
        ConfigurationError: a setting is missing without which it could not do its work.
    """
    settings.database.require_url()
    settings.kafka.require_servers()
    settings.storage.require_bucket()
    registry = CollectorRegistry()
    app = FastAPI(
        title=TITLE,
        version=version("chatlog"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        # It would redirect to whatever host the request names.
        redirect_slashes=False,
        lifespan=lambda app: _running(app, settings, registry),
    )
    app.state.api, app.state.web = settings.api, settings.web
    app.state.authenticator = Authenticator(settings.api, settings.oidc)
    app.state.trusted_proxies = TrustedProxies.of(settings.api.trusted_proxies)
    app.state.information = ServiceInformation(
        version=version("chatlog"),
        environment=settings.threads.environment,
        features={
            "threads": True,
            "privacy": settings.threads.privacy_enabled,
            "rate_limiting": settings.limits.enable_rate_limiting,
            "chat_logging": settings.turns.enable_chat_logging,
            "shared_by_redis": settings.limits.redis_url is not None,
        },
    )
    app.state.registry = registry
    app.state.metrics = metrics.RequestMetrics(registry)
    # The last one added is the outermost.
    app.add_middleware(
        BodyLimit,
        larger={
            events.router.prefix: BODY_MAX_BYTES,
            webhooks.router.prefix: BODY_MAX_BYTES,
            channels.router.prefix: channels.BODY_MAX_BYTES,
            turns.router.prefix: turns.BODY_MAX_BYTES,
            turns.many_router.prefix: turns.MANY_MAX_BYTES,
            traces.router.prefix: traces.BODY_MAX_BYTES,
            threads.router.prefix: threads.BODY_MAX_BYTES,
            addresses.THREADS: threads.BODY_MAX_BYTES,
        },
    )
    app.add_middleware(HeadLikeGet)
    app.add_middleware(RequestLog, metrics=app.state.metrics)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(CrossOrigin, origins=settings.threads.cors_origins, below=REST)
    app.add_middleware(RequestIds)
    answer_errors(app)
    app.add_exception_handler(FileGone, export_pages.answer_gone)
    # Pages first: /exports/new is one of them, and no id of an export.
    for part in (
        # Asked far more often than all others: each route before it costs some microseconds.
        turns,
        thread_messages,
        threads,
        privacy,
        # At the address of a page, and not for browsers.
        service,
        # Pages.
        sign_in,
        overview,
        conversation_pages,
        message_pages,
        thread_pages,
        thread_message_pages,
        privacy_pages,
        people_pages,
        system_pages,
        survey_pages,
        survey_tabs,
        export_pages,
        new_export_page,
        waiting_pages,
        channel_pages,
        opt_out_pages,
        dead_letter_pages,
        figure_pages,
        search_pages,
        appearance,
        static_files,
        # What programs ask for.
        search,
        conversations,
        conversation_reading,
        conversation_repeats,
        access_log,
        exports,
        surveys,
        answers_api,
        channels,
        figures,
        opt_outs,
        dead_letters,
        traces,
        waiting,
        events,
        webhooks,
        system,
        health,
        metrics,
    ):
        app.include_router(part.router)
    app.include_router(turns.many_router)
    offer_docs(app, Progress)
    return app


@asynccontextmanager
async def _running(app: FastAPI, settings: Settings, registry: CollectorRegistry) -> AsyncIterator[None]:
    # FastAPI makes what it needs of a router when it is first asked: whoever comes first would wait for all.
    for _ in iter_route_contexts(app.routes):
        continue
    pool = await create_pool(settings.database, application_name="chatlog-api", min_size=0)
    client = client_settings(settings.kafka)
    outbox = Outbox(
        client,
        pool,
        [outgoing_jobs(settings.kafka, settings.topology), outgoing_events(settings.topology)],
    )
    ingested = IngestMetrics(registry)
    intake = EventIntake(client, events_topics(settings.topology), ingested)
    replayer = Replayer(client, settings.kafka, pool)
    authenticator: Authenticator = app.state.authenticator
    redis = redis_pool(settings.limits)
    counters = LimitCounters(registry)
    app.state.rate_limits = RateLimits(settings.limits.of_turns, redis, counters)
    app.state.thread_limits = RateLimits(settings.limits.of_threads, redis, counters, of=":threads")
    app.state.ended_sessions = EndedSessions(pool)
    app.state.access_log = AccessLog(pool)
    app.state.pool, app.state.outbox = pool, outbox
    app.state.ingest = Ingest(intake, settings.webhooks, ingested)
    app.state.turn_log = TurnLog(settings.turns, intake, ingested, FirstTold(redis))
    app.state.sessions = LoggedSessions(pool)
    try:
        async with (
            open_storage(settings.storage, retry_s=settings.exports.retry_s) as storage,
            outbox,
            replayer,
            intake,
            open_threads(settings.threads, pool, redis, outbox) as app.state.threads,
            beating(heart_of_api(settings.database, address_of(settings.api), outbox)),
            SystemWatch(Queues(settings.kafka, settings.topology), pool, storage) as system_watch,
        ):
            app.state.system = system_watch
            app.state.surveys = Surveys(pool)
            app.state.answers = Answers(pool, app.state.surveys)
            app.state.channel_rules = ChannelRules(pool)
            app.state.figures = FiguresService(pool)
            app.state.known_channels = KnownChannels(pool, app.state.channel_rules)
            app.state.opt_outs = OptOuts(pool)
            app.state.replayer = replayer
            app.state.dead_letters = DeadLetters(
                pool, platforms_of_topics(settings.topology), on_replay=replayer.wake
            )
            app.state.conversations = Conversations(pool)
            app.state.bot_states = BotStates(pool)
            app.state.search = SearchServices.on(pool)
            app.state.live_talks, app.state.accesses = LiveTalks(pool), Accesses(pool)
            messages = MessageExports(pool, on_request=outbox.wake)
            rows = ExportRows(pool, app.state.surveys, messages, on_request=outbox.wake)
            files = ExportFiles(
                rows,
                storage,
                link_good_for=timedelta(hours=settings.exports.link_hours),
                kept_for=timedelta(days=settings.exports.keep_days),
            )
            app.state.exports = ExportServices(
                *(rows, ExportList(pool), messages, files),
                Estimates(pool, app.state.surveys, messages),
                ExportTroubles(pool),
            )
            registry.register(metrics.OutboxMetrics(outbox))
            if authenticator.tokens.keys is not None:
                registry.register(metrics.IssuerMetrics(authenticator.tokens.keys))
            if authenticator.provider is not None:
                registry.register(metrics.ProviderMetrics(authenticator.provider.discovery))
            async with (
                open_privacy(
                    settings.topology,
                    app.state.threads.threads,
                    files,
                    is_on=settings.threads.privacy_enabled,
                ) as app.state.privacy,
                keeping_rule(app.state.channel_rules, settings.turns.chat_log_retention_days),
                keeping_rule(
                    app.state.channel_rules,
                    settings.threads.message_retention_days,
                    platform=THREADS,
                    setting="MESSAGE_RETENTION_DAYS",
                    is_default="message_retention_days" not in settings.threads.model_fields_set,
                ),
            ):
                yield
    finally:
        await authenticator.stop()
        if redis is not None:
            await redis.aclose()
        # A pool that is asked to close waits for its connections, for ever if the server is frozen.
        pool.terminate()
