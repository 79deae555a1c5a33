"""Publishes a reward code: python3 publish.py CHANNEL ID CODE. The standard library is enough."""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ.get("HOLDFAST_URL", "https://drops.example.com")


def publish(channel, message, attempts=6):
    """Publishes a message. With an `id` of its own it may be sent again: it is delivered once."""
    for attempt in range(1, attempts + 1):
        wait = 0.25 * 2**attempt * random.uniform(0.5, 1)
        try:
            return post(channel, message)
        except urllib.error.HTTPError as error:
            again = error.code == 429 or error.code >= 500
            if not again or attempt == attempts:
                raise SystemExit(f"{error.code}: {error.read().decode()}") from error
            wait = max(wait, float(error.headers.get("Retry-After", 0)))
        except OSError as error:  # no connection, or no answer in time
            if attempt == attempts:
                raise SystemExit(f"no answer: {error}") from error
        time.sleep(wait)


def post(channel, message):
    """One try."""
    name = urllib.parse.quote(channel, safe="")
    request = urllib.request.Request(
        f"{URL}/v1/namespaces/dropcodes/channels/{name}/messages",
        data=json.dumps(message).encode(),
        headers={
            "Authorization": f"ApiKey {os.environ['BACKEND_KEY']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


channel, id_, code = sys.argv[1:]
message = {"id": id_, "event": "code", "data": {"code": code}, "ttl": 600_000}
stored = publish(channel, message)
print(stored["id"], stored["state"])
