"""A plugin on python-socketio's asynchronous client."""

import asyncio
import logging

import socketio

from .messages import LEASE, Entry, Handled, identity

log = logging.getLogger("holdfast_plugin")


class AsyncPlugin:
    """Handles the messages of a channel, one after the other."""

    def __init__(self, url, key, namespace="dropcodes", path="/websockets", **options):
        """`options` are those of `socketio.AsyncClient`."""
        self.client = socketio.AsyncClient(**options)
        self._url = url
        self._key = key
        self._namespace = f"/{namespace}"
        self._path = path
        self._handlers = {}
        self._handled = Handled()
        self._here = {}  # by identity: the entry, and the task that handles it
        self._turn = asyncio.Lock()  # first come, first served
        self._lease = None
        self.client.on("*", self._receive, namespace=self._namespace)

    def on(self, event):
        """Makes a coroutine function the handler of an event; `*` is for events without one.

        It is called with what the backend published and the message's own fields. The message is
        acknowledged when it returns.
        """

        def register(handler):
            self._handlers[event] = handler
            return handler

        return register

    async def connect(self):
        """Connects, by WebSocket alone: the HTTP library keeps no cookies of bare addresses."""
        self._lease = asyncio.create_task(self._keep_lease())
        await self.client.connect(
            self._url,
            socketio_path=self._path,
            namespaces=[self._namespace],
            auth={"key": self._key},
            transports=["websocket"],
            retry=True,
        )

    async def run(self):
        """Connects, and waits until the plugin is closed."""
        await self.connect()
        await self.client.wait()

    async def close(self):
        """Ends the plugin; what waits is delivered to the next one that connects."""
        if self._lease:
            self._lease.cancel()
        for _, task in list(self._here.values()):
            task.cancel()
        await self.client.disconnect()

    async def _receive(self, event, data, message):
        """Waits until the message is handled; what it returns is the acknowledgement."""
        if answer := self._handled[message]:
            return answer
        name = identity(message)
        if name not in self._here:
            entry = Entry(event, data, message)
            self._here[name] = entry, asyncio.create_task(self._work(entry))
        _, task = self._here[name]
        # A connection that ends must not end the handler.
        return await asyncio.shield(task)

    async def _work(self, entry):
        try:
            async with self._turn:
                answer = entry.answer(await self._handle(entry))
            self._handled.add(entry, answer)
            return answer
        finally:
            del self._here[identity(entry.message)]

    async def _handle(self, entry):
        handler = self._handlers.get(entry.event) or self._handlers.get("*")
        if entry.expired:
            return "expired"
        if handler is None:
            log.warning("no handler for %s", entry.event)
            return "skipped"
        try:
            await handler(entry.data, entry.message)
        except Exception:
            log.exception("the handler of %s has failed", entry.event)
            return "failed"
        return "shown"

    async def _keep_lease(self):
        """Tells the service what waits, so that it is not repeated."""
        while True:
            await asyncio.sleep(LEASE)
            for entry, _ in list(self._here.values()):
                try:
                    id_ = entry.message["id"]
                    await self.client.emit("in_progress", id_, namespace=self._namespace)
                except socketio.exceptions.SocketIOError:
                    break  # not connected: it is told after the reconnect
