import os

import socketio

client = socketio.Client()  # it keeps the load balancer's cookie by itself
shown = set()


@client.on("code", namespace="/dropcodes")
def code(data, message):
    if message["id"] not in shown:
        shown.add(message["id"])  # a message may come again: it is shown once
        print(data["code"], flush=True)
    return message["id"]  # what the handler returns is the acknowledgement


client.connect(
    os.environ.get("HOLDFAST_URL", "https://drops.example.com"),
    socketio_path="/websockets",
    namespaces=["/dropcodes"],
    auth={"key": os.environ["PLUGIN_KEY"]},
    retry=True,
)
client.wait()
