"""The routes that platforms call. They work by `app.ingest.service`; no caller is asked, but a signature."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse

from app.ingest import twitch
from app.ingest.serving import Ingesting
from app.web.problems import responses

router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=responses(403, 404, 422))

Signature = Annotated[
    str | None,
    Header(alias="X-Hub-Signature-256", description="`sha256=` and the HMAC of the body by META_APP_SECRET."),
]
TwitchSignature = Annotated[
    str | None,
    Header(
        alias=twitch.SIGNATURE,
        description="`sha256=` and the HMAC of id, timestamp and body by TWITCH_EVENTSUB_SECRET.",
    ),
]
TwitchId = Annotated[str | None, Header(alias=twitch.ID, description="Which delivery this is.")]
TwitchTimestamp = Annotated[str | None, Header(alias=twitch.TIMESTAMP, description="When it was sent.")]
TwitchType = Annotated[
    str | None,
    Header(
        alias=twitch.TYPE,
        description="What it is.",
        examples=[kind.value for kind in twitch.DeliveryType],
    ),
]
_TEXT: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_CHALLENGE = {"description": "The challenge that was asked for."} | _TEXT


def _body(example: Any) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        }
    }


@router.get("/meta", response_class=Response, responses={200: _CHALLENGE})
async def prove_the_webhook_to_meta(
    ingest: Ingesting,
    mode: Annotated[str, Query(alias="hub.mode", description="`subscribe`.", examples=["subscribe"])],
    verify_token: Annotated[
        str, Query(alias="hub.verify_token", description="As META_VERIFY_TOKEN is set here.")
    ],
    challenge: Annotated[
        str,
        Query(
            alias="hub.challenge",
            pattern=r"^[\x20-\x7e]{1,256}$",
            description="What the answer is to be.",
            examples=["1158201444"],
        ),
    ],
) -> Response:
    """Tell Meta that this webhook is of whoever sets it up there; Meta asks once."""
    ingest.answer_meta(mode, verify_token)
    return PlainTextResponse(challenge)


@router.post(
    "/meta",
    responses=responses(413, 503),
    openapi_extra=_body(
        {
            "object": "page",
            "entry": [
                {
                    "id": "1060",
                    "time": 1767305220700,
                    "messaging": [
                        {
                            "sender": {"id": "2050"},
                            "recipient": {"id": "1060"},
                            "timestamp": 1767305220634,
                            "message": {"mid": "m_1", "text": "Hello"},
                        }
                    ],
                }
            ],
        }
    ),
)
async def take_from_meta(ingest: Ingesting, request: Request, signature: Signature = None) -> None:
    """Take what Meta tells of a page: each event goes to Kafka by itself, keyed by its person.

    200 says that Kafka has them; with anything else, Meta comes again.
    """
    await ingest.take_from_meta(signature, await request.body())


@router.post(
    "/twitch",
    status_code=204,
    response_class=Response,
    responses={200: _CHALLENGE, **responses(413, 503)},
    openapi_extra=_body(
        {
            "subscription": {"id": "f1c2a387", "type": "channel.chat.message", "version": "1"},
            "event": {"broadcaster_user_id": "1337", "message_id": "cc106a89", "message": {"text": "Hello"}},
        }
    ),
)
async def take_from_twitch(
    ingest: Ingesting,
    request: Request,
    _signature: TwitchSignature = None,
    _message_id: TwitchId = None,
    _timestamp: TwitchTimestamp = None,
    _message_type: TwitchType = None,
) -> Response:
    """Take a delivery of EventSub; answer the challenge by which Twitch asks whether this webhook is ours.

    2xx says that Kafka has the event, or had it before; with anything else, Twitch comes again.
    """
    challenge = await ingest.take_from_twitch(twitch.TwitchDelivery(request.headers, await request.body()))
    return Response(status_code=204) if challenge is None else PlainTextResponse(challenge)
