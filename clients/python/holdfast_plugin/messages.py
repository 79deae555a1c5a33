"""What both plugins share: which messages are here, and which were handled. No socket."""

import time

# Handled messages that are remembered at most.
MOST = 2000
# How often the service is told of what waits, in seconds: it repeats a message after 15.
LEASE = 10


def identity(message):
    """What tells a message from others: one to a channel and one to everyone may share an id."""
    return message["id"], message["deliver_at"]


class Entry:
    """A message from its arrival until it is handled."""

    def __init__(self, event, data, message):
        self.event = event
        self.data = data
        self.message = message
        # By a clock that nobody sets.
        self.expires = time.monotonic() + message["expires_in"] / 1000

    @property
    def expired(self):
        return time.monotonic() >= self.expires

    def answer(self, status):
        """The acknowledgement: the id, and what became of the message."""
        return self.message["id"], {"status": status}


class Handled:
    """The answers to messages that were handled, for repeats of them."""

    def __init__(self):
        self._answers = {}

    def __getitem__(self, message):
        """The answer to a message, or nothing."""
        _, answer = self._answers.get(identity(message), (0, None))
        return answer

    def add(self, entry, answer):
        """Remembers an answer for as long as the message may come again."""
        self._answers[identity(entry.message)] = entry.expires, answer
        if len(self._answers) > MOST:
            now = time.monotonic()
            kept = {key: value for key, value in self._answers.items() if value[0] > now}
            # The oldest go first.
            self._answers = dict(list(kept.items())[-MOST:])
