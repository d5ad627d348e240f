"""The identity provider of tests, as far as its clients see it.

It knows two clients, `chatlog` with a secret and `chatlog-public` without, takes any redirect address of this
machine whose path is `/sign-in/callback`, and lets everybody in who says an email address. `PUT /behaviour`
sets how it behaves from then on (`Behaviour`, as JSON); `GET /behaviour/asked` tells what it was asked for.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from aiohttp import web
from yarl import URL

from tests.identity_provider.behaviour import CLIENT, PUBLIC_CLIENT, SECRET, Behaviour, Trick
from tests.identity_provider.id_tokens import ELSEWHERE, Keys, claims_of, id_token, kid

_CLIENTS = {CLIENT: SECRET, PUBLIC_CLIENT: None}
_HUGE = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code stands for."""

    query: dict[str, str]
    email: str


class Provider:
    """One issuer.

    Args:
        issuer: its name, which is its address.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.behaviour = Behaviour()
        self.asked: list[str] = []
        self._keys = Keys()
        self._grants: dict[str, _Grant] = {}
        self._tokens: dict[str, _Grant] = {}
        self._used: set[str] = set()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._note])
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self.metadata),
                web.get("/keys", self.keys),
                web.get("/authorize", self.show_login),
                web.post("/authorize", self.log_in),
                web.post("/token", self.token),
                web.get("/userinfo", self.userinfo),
                web.put("/behaviour", self.behave),
                web.get("/behaviour/asked", self.tell_asked),
            ]
        )
        return app

    def _does(self, *tricks: Trick) -> bool:
        return self.behaviour.trick in tricks

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/behaviour"):
            self.asked.append(f"{request.method} {request.path}")
        response: web.StreamResponse = await handler(request)
        return response

    async def behave(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.behaviour = Behaviour(**told | {"trick": Trick(told["trick"]) if told["trick"] else None})
        self.asked.clear()
        return web.Response(status=204)

    async def tell_asked(self, _: web.Request) -> web.Response:
        return web.json_response(self.asked)

    async def metadata(self, _: web.Request) -> web.Response:
        await self._hinder(
            down=Trick.METADATA_DOWN, slow=Trick.METADATA_SLOW, elsewhere=Trick.METADATA_ELSEWHERE
        )
        if self._does(Trick.METADATA_NESTED):
            return web.Response(body=b"[" * 100_000)
        told = {
            "issuer": ELSEWHERE if self._does(Trick.METADATA_OF_ANOTHER) else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [self.behaviour.client_authentication, "none"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self._does(Trick.METADATA_WITHOUT_HTTPS):
            told["token_endpoint"] = "http://tokens.example/token"
        if self._does(Trick.METADATA_HUGE):
            told["padding"] = "x" * _HUGE
        return web.json_response(told)

    async def keys(self, _: web.Request) -> web.Response:
        await self._hinder(down=Trick.KEYS_DOWN, slow=Trick.KEYS_SLOW)
        return web.json_response(
            {"keys": [self._keys.public(kid(kind, self.behaviour)) for kind in ("RS256", "ES256")]}
        )

    async def show_login(self, request: web.Request) -> web.Response:
        """Ask who it is (OpenID Connect Core, 3.1.2.1)."""
        wrong = self._what_is_wrong_with(request.query)
        if wrong:
            # Not sent back: that would be an open redirect.
            return web.Response(status=400, text=wrong)
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in request.query.items()
        )
        return web.Response(
            content_type="text/html",
            text='<!doctype html><html lang="en"><title>Provider</title><h1>Who are you?</h1>'
            f'<form method="post" action="/authorize">{hidden}<label>Email '
            '<input name="email" type="email"></label><button>Let me in</button></form>',
        )

    async def log_in(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        wrong = self._what_is_wrong_with(form)
        if wrong:
            return web.Response(status=400, text=wrong)
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(form, form["email"])
        answer = [("code", code), ("state", form["state"]), ("iss", self.issuer)]
        return web.Response(
            status=303,
            headers={
                "Location": str(URL(form["redirect_uri"]).with_query(self._spoilt_answer(answer))),
                # As real ones do: their pages say nothing to others.
                "Referrer-Policy": "no-referrer",
            },
        )

    def _what_is_wrong_with(self, query: Any) -> str:
        redirect = urlsplit(query.get("redirect_uri", ""))
        if query.get("client_id") not in _CLIENTS:
            return "no such client"
        if redirect.hostname not in {"127.0.0.1", "localhost"} or redirect.path != "/sign-in/callback":
            return "this redirect address is not registered"
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            return "not an authentication request of the code flow"
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            return "PKCE by S256 is needed"
        if len(query.get("state", "")) < 32 or len(query.get("nonce", "")) < 32:
            return "state and nonce can be guessed"
        return ""

    def _spoilt_answer(self, answer: list[tuple[str, str]]) -> list[tuple[str, str]]:
        told = dict(answer)
        match self.behaviour.trick:
            case Trick.ANOTHER_ISSUER_ANSWERS:
                told["iss"] = ELSEWHERE
            case Trick.NO_ISSUER_IN_ANSWER:
                del told["iss"]
            case Trick.NO_STATE:
                del told["state"]
            case Trick.WRONG_STATE:
                told["state"] = secrets.token_urlsafe(32)
            case Trick.STATE_TWICE:
                return [*answer, ("state", told["state"])]
            case Trick.NO_CODE:
                del told["code"]
            case Trick.DENIES:
                told = {"error": "access_denied", "state": told["state"], "iss": told["iss"]}
            case Trick.HAS_AN_ERROR:
                told = {"error": "server_error", "state": told["state"], "iss": told["iss"]}
            case Trick.HAS_A_SCRIPT_FOR_ERROR:
                script = "<script>alert(1)</script>"
                told = {
                    "error": script,
                    "error_description": script,
                    "state": told["state"],
                    "iss": told["iss"],
                }
        return list(told.items())

    async def token(self, request: web.Request) -> web.Response:
        """Redeem a code (RFC 6749, 4.1.3; RFC 7636, 4.6)."""
        await self._hinder(down=Trick.TOKENS_DOWN, slow=Trick.TOKENS_SLOW, elsewhere=Trick.TOKENS_ELSEWHERE)
        form = {name: str(value) for name, value in (await request.post()).items()}
        client = self._client_of(request, form)
        if client is None:
            return web.json_response({"error": "invalid_client"}, status=401)
        code = form.get("code", "")
        grant = self._grants.get(code)
        if (
            form.get("grant_type") != "authorization_code"
            or grant is None
            or (code in self._used and not self._does(Trick.TAKES_CODES_AGAIN))
            or client != grant.query["client_id"]
            or form.get("redirect_uri") != grant.query["redirect_uri"]
            or (
                _challenge_of(form.get("code_verifier", "")) != grant.query["code_challenge"]
                and not self._does(Trick.TAKES_ANY_VERIFIER)
            )
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        self._used.add(code)
        if self._does(Trick.TOKENS_NO_JSON):
            return web.Response(text="<html>")
        access_token = secrets.token_urlsafe(24)
        self._tokens[access_token] = grant
        told = {"access_token": access_token, "token_type": "Bearer", "id_token": self._id_token(grant)}
        if self._does(Trick.NO_ID_TOKEN):
            del told["id_token"]
        if self._does(Trick.TOKENS_HUGE):
            told["padding"] = "x" * _HUGE
        return web.json_response(told, headers={"Cache-Control": "no-store"})

    def _client_of(self, request: web.Request, form: dict[str, str]) -> str | None:
        basic = request.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            name, _, secret = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
            name, secret, way = unquote_plus(name), unquote_plus(secret), "client_secret_basic"
        elif "client_secret" in form:
            name, secret, way = form.get("client_id", ""), form["client_secret"], "client_secret_post"
        else:
            name = form.get("client_id", "")
            return name if name in _CLIENTS and _CLIENTS[name] is None else None
        is_known = way == self.behaviour.client_authentication and _CLIENTS.get(name) == secret
        return name if is_known else None

    async def userinfo(self, request: web.Request) -> web.Response:
        await self._hinder(down=Trick.USERINFO_DOWN)
        grant = self._tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if grant is None:
            return web.Response(status=401)
        told = claims_of(grant.email, self.behaviour)
        if self._does(Trick.USERINFO_OF_ANOTHER):
            told |= {"sub": "somebody else", "email": "eve@example.org"}
        return web.json_response(told)

    def _id_token(self, grant: _Grant) -> str:
        client = grant.query["client_id"]
        return id_token(
            grant.email,
            self.behaviour,
            self._keys,
            issuer=self.issuer,
            client=client,
            secret=_CLIENTS[client],
            nonce=grant.query["nonce"],
        )

    async def _hinder(
        self, *, down: Trick, slow: Trick | None = None, elsewhere: Trick | None = None
    ) -> None:
        if self._does(down):
            raise web.HTTPServiceUnavailable(text="<script>alert('down')</script>")
        if slow is not None and self._does(slow):
            while self._does(slow):  # noqa: ASYNC110  there is no event: another request ends it
                await asyncio.sleep(0.05)
        if elsewhere is not None and self._does(elsewhere):
            raise web.HTTPTemporaryRedirect(f"{ELSEWHERE}/")


def _challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
