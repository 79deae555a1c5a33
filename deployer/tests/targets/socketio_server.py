"""A target on python-socketio's server, with the interface of socketio.cjs."""

import asyncio
import json
import sys

import socketio
from aiohttp import web

config = json.loads(sys.argv[1])
server = socketio.AsyncServer(
    async_mode="aiohttp",
    ping_interval=config.get("pingInterval", 25000) / 1000,
    ping_timeout=config.get("pingTimeout", 20000) / 1000,
    transports=config.get("transports", ["polling", "websocket"]),
    cors_allowed_origins=config.get("origins", []),
)


@server.event
def connect(sid, environ):
    """Takes everybody."""


async def main():
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
