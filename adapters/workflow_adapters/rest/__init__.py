"""The engine's verbs and lists over HTTP and JSON, with a description in OpenAPI 3.1 at ``/openapi.json``.

``rest(engine, who)`` gives an ASGI application. Who acts is the host's answer, never the caller's claim; a body only says
in which post.
"""

from workflow_adapters.rest.app import rest

__all__ = ["rest"]
