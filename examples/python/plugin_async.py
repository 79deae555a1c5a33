import asyncio
import os

import socketio

client = socketio.AsyncClient()
shown = set()


@client.on("code", namespace="/dropcodes")
async def code(data, message):
    if message["id"] not in shown:
        shown.add(message["id"])  # a message may come again: it is shown once
        print(data["code"], flush=True)
    return message["id"]  # what the handler returns is the acknowledgement


async def main():
    await client.connect(
        os.environ.get("HOLDFAST_URL", "https://drops.example.com"),
        socketio_path="/websockets",
        namespaces=["/dropcodes"],
        auth={"key": os.environ["PLUGIN_KEY"]},
        transports=["websocket"],  # one connection, no cookie needed
        retry=True,
    )
    await client.wait()


asyncio.run(main())
