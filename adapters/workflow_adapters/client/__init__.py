"""The engine's verbs over HTTP, for programs elsewhere: the same names, the same arguments, the same errors.

``Client`` and ``AsyncClient`` speak to an application of ``workflow_adapters.rest``. Needs the extra ``client``.
"""

from workflow_adapters.client.answers import Answered, Foreseen, Item, May, Me, Shown, Stages
from workflow_adapters.client.asking import AsyncClient, Client

__all__ = ["Answered", "AsyncClient", "Client", "Foreseen", "Item", "May", "Me", "Shown", "Stages"]
