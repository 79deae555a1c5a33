"""Both plugins against a real server."""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from holdfast_plugin import AsyncPlugin, Plugin

PROJECT = Path(__file__).parents[3]
BACKEND_KEY = "test-backend-key-of-32-characters"
# Bound of every wait, in seconds: the machine may be busy.
PATIENCE = 60


def eventually(what, holds):
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)
    return found


class Server:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{address}"
        settings = {"BIND": address, "ADMIN_BIND": "127.0.0.1:0", "S2S_KEYS": BACKEND_KEY}
        program = os.environ.get("SERVER", PROJECT / "target/debug/server")
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([program], env=settings, stdout=quiet, stderr=quiet)
        eventually("the server is up", lambda: self.get("/healthcheck"))

    def get(self, path):
        try:
            return self.call("GET", path)
        except OSError:
            return None

    def call(self, method, path, body=None):
        headers = {"Authorization": f"ApiKey {BACKEND_KEY}", "Content-Type": "application/json"}
        data = body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def key(self, channel):
        body = {"channel": channel, "namespaces": ["dropcodes"]}
        return self.call("POST", "/v1/keys", body)["key"]

    def publish(self, channel, id_, **more):
        body = {"id": id_, "event": "code", "data": id_, **more}
        self.call("POST", f"/v1/namespaces/dropcodes/channels/{channel}/messages", body)

    def state(self, channel, id_):
        path = f"/v1/namespaces/dropcodes/channels/{channel}/messages/{id_}"
        return self.call("GET", path)["state"]

    def becomes(self, channel, id_, state):
        eventually(f"{id_} is {state}", lambda: self.state(channel, id_) == state)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Blocking:
    """A running `Plugin`, and how tests treat it."""

    def __init__(self, url, key, handle):
        self.plugin = Plugin(url, key, reconnection_delay=0.05, reconnection_delay_max=0.5)
        self.plugin.on("code")(handle)
        self.plugin.connect()

    def drop(self):
        """The connection is lost; the library comes back."""
        self.plugin.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.plugin.close()


class Coroutines:
    """The same of an `AsyncPlugin`, in a loop of its own."""

    def __init__(self, url, key, handle):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

        async def start():
            plugin = AsyncPlugin(url, key, reconnection_delay=0.05, reconnection_delay_max=0.5)

            @plugin.on("code")
            async def code(data, message):
                await asyncio.to_thread(handle, data, message)

            await plugin.connect()
            return plugin

        self.plugin = self.wait(start())

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def drop(self):
        async def drop():
            await self.plugin.client.eio.ws.close()

        self.wait(drop())

    def stop(self):
        self.wait(self.plugin.close())
        self.loop.call_soon_threadsafe(self.loop.stop)


class Both(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def each(self, name):
        for kind in (Blocking, Coroutines):
            with self.subTest(kind.__name__):
                channel = f"{name}-{kind.__name__}"
                yield kind, channel, self.server.key(channel)

    def test_in_order_and_acknowledged_when_the_handler_returns(self):
        for kind, channel, key in self.each("order"):
            handled, go_on = [], threading.Event()

            def handle(data, message):
                handled.append(data)
                go_on.wait(PATIENCE)

            running = kind(self.server.url, key, handle)
            ids = [f"m{n}" for n in range(8)]
            for id_ in ids:
                self.server.publish(channel, id_)
            eventually("the first is handled", lambda: handled)
            self.server.becomes(channel, "m7", "delivered")
            self.assertEqual(self.server.state(channel, "m0"), "delivered")
            go_on.set()
            for id_ in ids:
                self.server.becomes(channel, id_, "acknowledged")
            self.assertEqual(handled, ids)
            running.stop()

    def test_once_though_the_connection_is_lost_meanwhile(self):
        for kind, channel, key in self.each("lost"):
            handled, go_on = [], threading.Event()

            def handle(data, message):
                handled.append(data)
                go_on.wait(PATIENCE)

            running = kind(self.server.url, key, handle)
            ids = ["a", "b"]
            for id_ in ids:
                self.server.publish(channel, id_)
            eventually("the first is handled", lambda: handled)
            first = running.plugin.client.get_sid("/dropcodes")
            running.drop()
            client = running.plugin.client
            eventually(
                "it is back",
                lambda: client.connected and client.get_sid("/dropcodes") not in (None, first),
            )
            go_on.set()
            for id_ in ids:
                self.server.becomes(channel, id_, "acknowledged")
            self.assertEqual(handled, ids)
            running.stop()

    def test_a_handler_that_fails_does_not_stop_the_next_message(self):
        for kind, channel, key in self.each("fails"):
            handled = []

            def handle(data, message):
                handled.append(data)
                if data == "bad":
                    raise ValueError("no")

            with self.assertLogs("holdfast_plugin", "WARNING"):
                running = kind(self.server.url, key, handle)
                for id_ in ("bad", "good"):
                    self.server.publish(channel, id_)
                self.server.publish(channel, "unknown", event="nobody-knows-it")
                for id_ in ("bad", "good", "unknown"):
                    self.server.becomes(channel, id_, "acknowledged")
            self.assertEqual(handled, ["bad", "good"])
            running.stop()

    def test_what_expires_while_it_waits_is_not_handled(self):
        for kind, channel, key in self.each("expires"):
            handled, go_on = [], threading.Event()

            def handle(data, message):
                handled.append(data)
                go_on.wait(PATIENCE)

            running = kind(self.server.url, key, handle)
            self.server.publish(channel, "long")
            eventually("it is handled", lambda: handled)
            self.server.publish(channel, "brief", ttl=500)
            self.server.publish(channel, "last")
            self.server.becomes(channel, "brief", "expired")
            # Here it expires a little later, by the time that it took to come.
            here = running.plugin._here
            waits = lambda: [e for e, _ in list(here.values()) if e.message["id"] == "brief"]
            eventually("it has expired here", lambda: all(e.expired for e in waits()))
            go_on.set()
            self.server.becomes(channel, "last", "acknowledged")
            self.assertEqual(handled, ["long", "last"])
            running.stop()


if __name__ == "__main__":
    unittest.main()
