"""A small server for a witness (``workflow log attend``), imported only by who runs one."""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from workflow.witness import TIMEOUT_SECONDS, Witness


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT_SECONDS  # who connects and says nothing holds nobody up

    def log_message(self, format: str, *args: Any) -> None:
        """Who asks is in the log of whatever stands in front."""


def server(witness: Witness, host: str, port: int) -> WSGIServer:
    """A small server for a witness; put something that speaks https in front of it where others reach it.

    Raises:
        OSError: the address cannot be had.
    """
    return make_server(host, port, witness.application, server_class=_Server, handler_class=_Handler)
