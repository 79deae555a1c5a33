"""What both plugins share: how they connect, their handlers, and when they end. No threads."""

import logging

from .messages import Handled

log = logging.getLogger("holdfast_plugin")
# Bound of a connect, in seconds. The library's own is one second, too short for a slow network.
PATIENCE = 10
# Between two attempts to connect for the first time, in seconds, and at most.
DELAY, MOST_DELAY = 1, 5


def patient(client):
    """The class of a client whose reconnects wait as long as its first connect."""

    class Patient(client):
        def connect(self, *args, **options):
            return super().connect(*args, wait_timeout=PATIENCE, **options)

    return Patient


def delays():
    """Seconds from one attempt to the next."""
    delay = DELAY
    while True:
        yield delay
        delay = min(2 * delay, MOST_DELAY)


class Base:
    """A plugin on either client."""

    def __init__(self, client, url, key, namespace, path):
        self.client = client
        self._namespace = f"/{namespace}"
        self._where = {
            "url": url,
            "socketio_path": path,
            "namespaces": [self._namespace],
            "auth": {"key": key},
        }
        self._handlers = {}
        self._handled = Handled()
        self._here = {}  # by identity: the entry, and what tells its end
        self._refusal = None
        self._started = False
        self._reconnects = client.reconnection
        client.on("*", self._receive, namespace=self._namespace)
        client.on("connect_error", self._not_connected, namespace=self._namespace)
        client.on("disconnect", self._disconnected, namespace=self._namespace)

    def on(self, event):
        """Makes a function the handler of an event; `*` is for events without one of their own.

        It is called with what the backend published and the message's own fields. The message is
        acknowledged when it returns. `AsyncPlugin` takes coroutine functions.
        """

        def register(handler):
            self._handlers[event] = handler
            return handler

        return register

    def _handler(self, entry):
        """The handler of a message, or nothing and what becomes of it instead."""
        if entry.expired:
            return None, "expired"
        handler = self._handlers.get(entry.event) or self._handlers.get("*")
        if handler is None:
            log.warning("no handler for %s", entry.event)
        return handler, "skipped"

    def _not_connected(self, error=None):
        """The service refuses with a code; whatever else happens is tried again."""
        data = error.get("data") if isinstance(error, dict) else None
        if code := isinstance(data, dict) and data.get("code"):
            self._refused(code)

    def _disconnected(self, reason):
        if reason == self.client.reason.SERVER_DISCONNECT:
            self._refused("the key is no longer valid")

    def _refused(self, reason):
        log.error("refused: %s", reason)
        self._refusal = reason
        # The attempt that is under way is the last one.
        self.client.reconnection_attempts = 1
        self._closed.set()
