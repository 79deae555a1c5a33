"""A plugin on python-socketio, with the interface of client.cjs."""

import json
import socket
import sys
import threading
import time

import socketio

config = json.loads(sys.argv[1])
client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.5)
namespace = config["namespace"]


# The library calls each handler in a thread of its own.
printing = threading.Lock()


def tell(kind, **rest):
    with printing:
        print(json.dumps({"type": kind, "at": int(time.time() * 1000), **rest}), flush=True)


@client.event(namespace=namespace)
def connect():
    tell("connected", id=client.get_sid(namespace))
    tell("transport", name=client.transport())


@client.event(namespace=namespace)
def connect_error(data):
    message = data.get("message") if isinstance(data, dict) else str(data)
    tell("connect_error", message=message, data=data.get("data") if isinstance(data, dict) else None)


@client.event(namespace=namespace)
def disconnect(reason=None):
    tell("disconnected", reason=str(reason))


@client.on("*", namespace=namespace)
def receive(event, data, message):
    tell("message", event=event, data=data, message=message)
    # python-socketio acknowledges with what the handler returns.
    return message["id"] if config["acknowledge"] else None


headers = {"Authorization": f"ApiKey {config['header']}"} if config.get("header") else {}
auth = {"key": config["auth"]} if config.get("auth") else None
try:
    client.connect(
        config["url"], headers=headers, auth=auth, transports=config["transports"],
        namespaces=[namespace], socketio_path=config["path"], wait=False, retry=True,
    )
except socketio.exceptions.ConnectionError as error:
    tell("connect_error", message=str(error), data=None)

for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "disconnect":
        client.disconnect()
    if command["do"] == "drop":
        client.eio.ws.sock.shutdown(socket.SHUT_RDWR)  # the connection is lost; the library comes back
