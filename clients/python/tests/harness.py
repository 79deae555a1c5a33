"""A real server, a network that fails, and both plugins as tests treat them."""

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
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
            return json.loads(answer.read() or "null")

    def issue(self, channel):
        return self.call("POST", "/v1/keys", {"channel": channel, "namespaces": ["dropcodes"]})

    def key(self, channel):
        return self.issue(channel)["key"]

    def revoke(self, id_):
        self.call("DELETE", f"/v1/keys/{id_}")

    def sockets(self, channel):
        return self.call("GET", f"/v1/namespaces/dropcodes/channels/{channel}")["sockets"]

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


class Wire:
    """A proxy in front of a server. It can be cut, and be slow."""

    def __init__(self, server, delay=0.0):
        self._target = server.url.removeprefix("http://").split(":")
        self._delay = delay
        self.breaks = 0  # so many connections, once the server has opened a session on them
        self._open = []
        self._cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, cut=True):
        """Ends every connection, and all that come until it is mended."""
        self._cut = cut
        for stream in self._open if cut else ():
            self._end(stream)

    def _accept(self):
        while True:
            near, _ = self._listener.accept()
            if self._cut:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65_536):
                time.sleep(self._delay)
                sink.sendall(data)
                if b'"sid"' in data and self.breaks > 0:
                    self.breaks -= 1
                    break
        except OSError:
            pass
        self._end(source)
        self._end(sink)

    def _end(self, stream):
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Blocking:
    """A running `Plugin`, and how tests treat it."""

    def __init__(self, url, key, handle, connect=True):
        self.plugin = Plugin(url, key, reconnection_delay=0.05, reconnection_delay_max=0.5)
        self.plugin.on("code")(handle)
        if connect:
            self.plugin.connect()

    def begin(self):
        """Runs the plugin in the background. Returns what waits for its end."""
        running = ThreadPoolExecutor(1).submit(self.plugin.run)
        return lambda: running.result(PATIENCE)

    def drop(self):
        """The connection is lost; the library comes back."""
        self.plugin.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)

    def again(self):
        """Connects though it is connected."""
        self.plugin.connect()

    def stop(self, ended=None):
        """Closes the plugin, and waits for the end of what `begin` has begun."""
        self.plugin.close()
        if ended:
            ended()


class Coroutines:
    """The same of an `AsyncPlugin`, in a loop of its own."""

    def __init__(self, url, key, handle, connect=True):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

        async def start():
            plugin = AsyncPlugin(url, key, reconnection_delay=0.05, reconnection_delay_max=0.5)

            @plugin.on("code")
            async def code(data, message):
                await asyncio.to_thread(handle, data, message)

            if connect:
                await plugin.connect()
            return plugin

        self.plugin = self.wait(start())

    def begin(self):
        running = asyncio.run_coroutine_threadsafe(self.plugin.run(), self.loop)
        return lambda: running.result(PATIENCE)

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    def drop(self):
        async def drop():
            await self.plugin.client.eio.ws.close()

        self.wait(drop())

    def again(self):
        self.wait(self.plugin.connect())

    def stop(self, ended=None):
        self.wait(self.plugin.close())
        if ended:
            ended()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
