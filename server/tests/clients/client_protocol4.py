"""A plugin on python-socketio 4, the last of protocol 4, with the interface of client.cjs."""

import json
import sys
import time

import socketio

config = json.loads(sys.argv[1])


def tell(kind, **rest):
    # One write: the library calls each handler in a thread of its own.
    sys.stdout.write(json.dumps({"type": kind, "at": int(time.time() * 1000), **rest}) + "\n")
    sys.stdout.flush()


class Client(socketio.Client):
    """Tells every event, whatever its name: this version has no handler for all."""

    def _trigger_event(self, event, namespace, *args):
        if namespace != config["namespace"]:
            return None
        if event == "connect":
            tell("connected")
            tell("transport", name=self.transport())
        elif event == "disconnect":
            tell("disconnected")
        elif event == "connect_error":
            tell("connect_error", message=str(args[0]) if args else "", data=None)
        else:
            data, message = args
            tell("message", event=event, data=data, message=message)
            # The library acknowledges with what this returns.
            return message["id"] if config["acknowledge"] else None


client = Client(reconnection_delay=0.05, reconnection_delay_max=0.5)
# This version comes back by itself after a break, but not when its first connection fails.
while not client.connected:
    try:
        client.connect(
            config["url"], headers={"Authorization": f"ApiKey {config['header']}"},
            transports=config["transports"], namespaces=[config["namespace"]],
            socketio_path=config["path"],
        )
    except socketio.exceptions.ConnectionError:
        time.sleep(0.1)

for line in sys.stdin:
    if json.loads(line)["do"] == "disconnect":
        client.disconnect()
