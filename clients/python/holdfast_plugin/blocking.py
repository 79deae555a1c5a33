"""A plugin on python-socketio's synchronous client."""

import itertools
import logging
import queue
import threading

import socketio

from .messages import LEASE, Entry, Handled, identity

log = logging.getLogger("holdfast_plugin")


class Plugin:
    """Handles the messages of a channel, one after the other.

    The library calls every handler in a thread of its own, so that they overtake each other. Here
    one thread handles them all, in the order of their moments.
    """

    def __init__(self, url, key, namespace="dropcodes", path="/websockets", **options):
        """`options` are those of `socketio.Client`."""
        self.client = socketio.Client(**options)
        self._url = url
        self._key = key
        self._namespace = f"/{namespace}"
        self._path = path
        self._handlers = {}
        self._handled = Handled()
        self._here = {}  # by identity: the entry, and the event that tells its end
        self._lock = threading.Lock()
        self._queue = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closed = threading.Event()
        self.client.on("*", self._receive, namespace=self._namespace)

    def on(self, event):
        """Makes a function the handler of an event; `*` is for events without one of their own.

        It is called with what the backend published and the message's own fields. The message is
        acknowledged when it returns.
        """

        def register(handler):
            self._handlers[event] = handler
            return handler

        return register

    def connect(self):
        """Connects, and begins to handle messages in a thread."""
        for work in (self._work, self._keep_lease):
            threading.Thread(target=work, daemon=True).start()
        self.client.connect(
            self._url,
            socketio_path=self._path,
            namespaces=[self._namespace],
            auth={"key": self._key},
            retry=True,
        )

    def run(self):
        """Connects, and waits until the plugin is closed."""
        self.connect()
        self.client.wait()

    def close(self):
        """Ends the plugin; what waits is delivered to the next one that connects."""
        self._closed.set()
        self.client.disconnect()

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
            answer = entry.answer(self._handle(entry))
            with self._lock:
                self._handled.add(entry, answer)
                del self._here[identity(entry.message)]
            done.set()

    def _handle(self, entry):
        handler = self._handlers.get(entry.event) or self._handlers.get("*")
        if entry.expired:
            return "expired"
        if handler is None:
            log.warning("no handler for %s", entry.event)
            return "skipped"
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
                except socketio.exceptions.SocketIOError:
                    break  # not connected: it is told after the reconnect
