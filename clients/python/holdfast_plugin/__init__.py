"""A plugin's side of Holdfast: handles each message once, in order, and acknowledges it then."""

from .blocking import Plugin
from .coroutines import AsyncPlugin
from .wire import Message, Status

__all__ = ["AsyncPlugin", "Message", "Plugin", "Status"]
