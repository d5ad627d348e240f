"""Serves until it is ended: `python -m tests.identity_provider --port N`."""

import argparse
import asyncio

from aiohttp import web

from tests.identity_provider.server import Provider


async def _serve(port: int) -> None:
    provider = Provider(f"http://127.0.0.1:{port}")
    runner = web.AppRunner(provider.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().port))
