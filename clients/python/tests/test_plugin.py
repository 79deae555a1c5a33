"""Both plugins against a real server."""

import sys
import threading
import time
import unittest

from socketio.exceptions import ConnectionError as Refused

from harness import PATIENCE, Blocking, Coroutines, Server, Wire, eventually


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

    def test_closed_while_the_connection_is_away_it_stays_away(self):
        for kind, channel, key in self.each("away"):
            wire, handled = Wire(self.server), []
            running = kind(wire.url, key, lambda data, message: handled.append(data))
            wire.cut()
            client = running.plugin.client
            eventually("it is lost", lambda: not client.connected and client._reconnect_task)
            running.stop()
            wire.cut(False)
            self.assertFalse(client.connected)
            self.server.publish(channel, "m")
            # Whoever came back would have it before this one.
            other = kind(wire.url, key, lambda data, message: None)
            self.server.becomes(channel, "m", "acknowledged")
            self.assertEqual(handled, [])
            other.stop()

    def test_closed_before_the_first_connection_it_makes_none(self):
        for kind, channel, key in self.each("never"):
            wire = Wire(self.server)
            wire.cut()
            running = kind(wire.url, key, lambda data, message: None, connect=False)
            with self.assertLogs("holdfast_plugin", "INFO") as logs:
                ended = running.begin()
                eventually("it tries", lambda: logs.output)
                running.stop(ended)
            wire.cut(False)
            self.assertFalse(running.plugin.client.connected)

    def test_a_session_that_breaks_off_before_it_has_joined_is_tried_again(self):
        # By WebSocket: a session over polling outlives its connections.
        wire, channel = Wire(self.server), "breaks"
        wire.breaks = 1
        handle = lambda data, message: None
        running = Coroutines(wire.url, self.server.key(channel), handle, connect=False)
        ended = running.begin()
        self.server.publish(channel, "m")
        self.server.becomes(channel, "m", "acknowledged")
        self.assertEqual(wire.breaks, 0)
        running.stop(ended)

    def test_a_slow_network_is_connected_through_and_after_a_break(self):
        for kind, channel, key in self.each("slow"):
            wire, handled = Wire(self.server, delay=0.6), []
            running = kind(wire.url, key, lambda data, message: handled.append(data))
            for id_ in ("a", "b"):
                self.server.publish(channel, id_)
                self.server.becomes(channel, id_, "acknowledged")
                wire.cut()
                wire.cut(False)
            self.assertEqual(handled, ["a", "b"])
            running.stop()

    def test_a_refused_key_ends_it_and_is_logged(self):
        for kind, channel, _ in self.each("refused"):
            handle = lambda data, message: None
            with self.assertLogs("holdfast_plugin", "ERROR") as logs:
                running = kind(self.server.url, "hfk_wrong", handle, connect=False)
                with self.assertRaisesRegex(Refused, "refused: invalid_key"):
                    running.begin()()
            self.assertIn("refused: invalid_key", logs.output[0])
            self.assertTrue(running.plugin._closed.is_set())
            running.stop()

    def test_a_revoked_key_ends_it_and_is_logged(self):
        for kind, channel, _ in self.each("revoked"):
            issued = self.server.issue(channel)
            handle = lambda data, message: None
            running = kind(self.server.url, issued["key"], handle, connect=False)
            with self.assertLogs("holdfast_plugin", "ERROR") as logs:
                ended = running.begin()
                eventually("it is connected", lambda: self.server.sockets(channel) == 1)
                self.server.revoke(issued["id"])
                ended()
            self.assertIn("no longer valid", logs.output[0])
            self.assertTrue(running.plugin._closed.is_set())
            running.stop()

    def test_a_key_that_is_revoked_during_a_break_ends_it(self):
        for kind, channel, _ in self.each("meanwhile"):
            issued, wire = self.server.issue(channel), Wire(self.server)
            handle = lambda data, message: None
            running = kind(wire.url, issued["key"], handle, connect=False)
            with self.assertLogs("holdfast_plugin", "ERROR") as logs:
                ended = running.begin()
                eventually("it is connected", lambda: self.server.sockets(channel) == 1)
                wire.cut()
                self.server.revoke(issued["id"])
                wire.cut(False)
                ended()
            self.assertIn("refused", logs.output[0])
            running.stop()

    def test_a_second_connect_makes_no_second_worker(self):
        for kind, channel, key in self.each("twice"):
            at_work, most = [], []

            def handle(data, message):
                at_work.append(data)
                most.append(len(at_work))
                time.sleep(0.2)
                at_work.remove(data)

            running = kind(self.server.url, key, handle)
            running.again()
            for id_ in ("a", "b", "c"):
                self.server.publish(channel, id_)
            for id_ in ("a", "b", "c"):
                self.server.becomes(channel, id_, "acknowledged")
            self.assertEqual(most, [1, 1, 1])
            running.stop()

    def test_a_handler_that_ends_its_thread_ends_the_plugin(self):
        channel = "exits"
        running = Blocking(
            self.server.url, self.server.key(channel), lambda data, message: sys.exit("no"), False
        )
        excepthook, threading.excepthook = threading.excepthook, lambda _: None
        try:
            with self.assertLogs("holdfast_plugin", "CRITICAL"):
                ended = running.begin()
                self.server.publish(channel, "m")
                ended()
        finally:
            threading.excepthook = excepthook
        eventually("it has left", lambda: self.server.sockets(channel) == 0)
        self.assertNotEqual(self.server.state(channel, "m"), "acknowledged")

    def test_closing_leaves_no_thread_behind(self):
        channel, started = "threads", threading.Event()
        go_on = threading.Event()

        def handle(data, message):
            started.set()
            go_on.wait(PATIENCE)

        before = threading.active_count()
        running = Blocking(self.server.url, self.server.key(channel), handle)
        for number in range(5):
            self.server.publish(channel, f"m{number}")
        started.wait(PATIENCE)
        self.server.becomes(channel, "m4", "delivered")
        running.stop()
        go_on.set()
        eventually("they have ended", lambda: threading.active_count() <= before)


if __name__ == "__main__":
    unittest.main()
