"""How the system is, for programs."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.access import Asks
from app.system.representations import SystemTold
from app.system.serving import Watching
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(prefix="/v1/system", tags=["system"], responses=responses(401, 403, 422, 503))


@router.get("")
async def system(
    caller: Annotated[Caller, Depends(Asks(Action.SEE_SYSTEM))],
    watch: Watching,
) -> SystemTold:
    """Tell what is wrong, what runs where, and what waits; `well` answers whether anything is stuck."""
    return SystemTold.of(await watch.look(caller))
