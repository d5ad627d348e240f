"""Where the web views of workers are, and who may read them."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from app.settings.area import Area
from app.settings.values import Host, OptionalSecret
from models.hosts import is_loopback


class WebSettings(Area):
    """The address of a worker's web views, and the token that opens them (and the API's `/metrics`)."""

    prefix: ClassVar[str] = "web_"

    host: Host = "127.0.0.1"
    port: int = Field(default=6066, ge=1, le=65535)
    token: OptionalSecret = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not is_loopback(self.host) and self.token is None:
            raise ValueError(
                f"WEB_HOST={self.host} opens the web views to other machines: set WEB_TOKEN, or use 127.0.0.1"
            )
        return self
