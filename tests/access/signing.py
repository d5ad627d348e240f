"""Tokens as issuers make them, good ones and others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt

from tests.services import settings_from

if TYPE_CHECKING:
    from app.settings import Settings

SECRET = "a secret of at least thirty-two characters"
EMAIL = "ana@example.org"


def settings_of(**overrides: Any) -> Settings:
    return settings_from(**({"api_jwt_secret": SECRET} | overrides))


def signed(claims: dict[str, Any], key: Any = SECRET, algorithm: str | None = "HS256", **header: Any) -> str:
    return jwt.encode(
        {"email": EMAIL, "exp": time.time() + 3600} | claims, key, algorithm=algorithm, headers=header
    )
