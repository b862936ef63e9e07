"""The pages that signers, managers and auditors look at: an ASGI application of its own, or a part of a host's.

``console(engine, who)`` gives the application. The host says who somebody is; the engine decides what they may see and do.
Plain forms, no script, no request to anywhere else.
"""

from workflow_adapters.web.access import Identity, Resolver
from workflow_adapters.web.app import console

__all__ = ["Identity", "Resolver", "console"]
