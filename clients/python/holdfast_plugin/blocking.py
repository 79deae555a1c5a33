"""A plugin on python-socketio's synchronous client."""

import itertools
import queue
import threading

import socketio
from socketio.exceptions import ConnectionError, SocketIOError

from .base import Base, delays, log, patient
from .messages import LEASE, Entry, identity


class Plugin(Base):
    """Handles the messages of a channel, one after the other.

    The library calls every handler in a thread of its own, so that they overtake each other. Here
    one thread handles them all, in the order of their moments.
    """

    def __init__(self, url, key, namespace="dropcodes", path="/websockets", **options):
        """`options` are those of `socketio.Client`."""
        self._lock = threading.Lock()
        self._queue = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closed = threading.Event()
        super().__init__(patient(socketio.Client)(**options), url, key, namespace, path)

    def connect(self):
        """Connects, and begins to handle messages in a thread. Tries until it is connected;
        does nothing where it is.

        Raises `socketio.exceptions.ConnectionError` when the service refuses the key.
        """
        self._start()
        for delay in delays():
            # One at a time: a session that breaks off before it has joined is tried again here.
            self.client.reconnection = False
            try:
                self.client.connect(**self._where)
            except ConnectionError as error:
                if self._refusal:
                    self.close()
                    raise ConnectionError(f"refused: {self._refusal}") from error
                log.info("not connected: %s", error)
            self.client.reconnection = self._reconnects
            if self._closed.is_set():
                return self.close()
            if self.client.connected or self._closed.wait(delay):
                return None

    def run(self):
        """Connects, and waits until the plugin is closed, or its key is no longer valid."""
        while not self._closed.is_set():
            self.connect()
            self.client.wait()
            if not self._reconnects:
                break
        self.close()

    def close(self):
        """Ends the plugin; what waits is delivered to the next one that connects."""
        self._closed.set()
        self.client.shutdown()
        if self.client.connected:  # a reconnect was faster
            self.client.disconnect()
        with self._lock:
            for _, done in self._here.values():
                done.set()

    def _start(self):
        with self._lock:
            if self._started:
                return
            self._started = True
        for work in (self._work, self._keep_lease):
            threading.Thread(target=work, daemon=True).start()

    def _receive(self, event, data, message):
        """Waits until the message is handled; what it returns is the acknowledgement."""
        with self._lock:
            if answer := self._handled[message]:
                return answer
            name = identity(message)
            if name not in self._here:
                entry, done = Entry(event, data, message), threading.Event()
                self._here[name] = entry, done
                order = message["deliver_at"], next(self._numbers)
                self._queue.put((order, entry, done))
            _, done = self._here[name]
        done.wait()
        return self._handled[message]

    def _work(self):
        while not self._closed.is_set():
            try:
                _, entry, done = self._queue.get(timeout=1)
            except queue.Empty:
                continue
            try:
                answer = entry.answer(self._handle(entry))
            except BaseException:
                # It was meant to end more than the handler.
                log.critical("the handler of %s has ended its thread", entry.event)
                self.close()
                raise
            with self._lock:
                self._handled.add(entry, answer)
                del self._here[identity(entry.message)]
            done.set()

    def _handle(self, entry):
        handler, otherwise = self._handler(entry)
        if handler is None:
            return otherwise
        try:
            handler(entry.data, entry.message)
        except Exception:
            log.exception("the handler of %s has failed", entry.event)
            return "failed"
        return "shown"

    def _keep_lease(self):
        """Tells the service what waits, so that it is not repeated."""
        while not self._closed.wait(LEASE):
            with self._lock:
                waiting = [entry.message["id"] for entry, _ in self._here.values()]
            for id_ in waiting:
                try:
                    self.client.emit("in_progress", id_, namespace=self._namespace)
                except SocketIOError:
                    break  # not connected: it is told after the reconnect
