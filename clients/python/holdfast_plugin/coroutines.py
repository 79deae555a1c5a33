"""A plugin on python-socketio's asynchronous client."""

import asyncio

import socketio
from socketio.exceptions import ConnectionError, SocketIOError

from .base import Base, delays, log, patient
from .messages import LEASE, Entry, identity


class AsyncPlugin(Base):
    """Handles the messages of a channel, one after the other."""

    def __init__(self, url, key, namespace="dropcodes", path="/websockets", **options):
        """`options` are those of `socketio.AsyncClient`."""
        self._turn = asyncio.Lock()  # first come, first served
        self._closed = asyncio.Event()
        self._lease = None
        super().__init__(patient(socketio.AsyncClient)(**options), url, key, namespace, path)
        # By WebSocket alone: the HTTP library keeps no cookies of bare addresses.
        self._where["transports"] = ["websocket"]

    async def connect(self):
        """Connects, and begins to handle messages. Tries until it is connected;
        does nothing where it is.

        Raises `socketio.exceptions.ConnectionError` when the service refuses the key.
        """
        if not self._started:
            self._started = True
            self._lease = asyncio.create_task(self._keep_lease())
        for delay in delays():
            # One at a time: a session that breaks off before it has joined is tried again here.
            self.client.reconnection = False
            try:
                await self.client.connect(**self._where)
            except ConnectionError as error:
                if self._refusal:
                    await self.close()
                    raise ConnectionError(f"refused: {self._refusal}") from error
                log.info("not connected: %s", error)
            self.client.reconnection = self._reconnects
            if self._closed.is_set():
                return await self.close()
            if self.client.connected or await self._closes_within(delay):
                return None

    async def run(self):
        """Connects, and waits until the plugin is closed, or its key is no longer valid."""
        while not self._closed.is_set():
            await self.connect()
            await self.client.wait()
            if not self._reconnects:
                break
        await self.close()

    async def close(self):
        """Ends the plugin; what waits is delivered to the next one that connects."""
        self._closed.set()
        await self.client.shutdown()
        if self.client.connected:  # a reconnect was faster
            await self.client.disconnect()
        for _, task in list(self._here.values()):
            if task is not asyncio.current_task():
                task.cancel()

    async def _closes_within(self, seconds):
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

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
        handler, otherwise = self._handler(entry)
        if handler is None:
            return otherwise
        try:
            await handler(entry.data, entry.message)
        except Exception:
            log.exception("the handler of %s has failed", entry.event)
            return "failed"
        return "shown"

    async def _keep_lease(self):
        """Tells the service what waits, so that it is not repeated."""
        while not await self._closes_within(LEASE):
            for entry, _ in list(self._here.values()):
                try:
                    id_ = entry.message["id"]
                    await self.client.emit("in_progress", id_, namespace=self._namespace)
                except SocketIOError:
                    break  # not connected: it is told after the reconnect
