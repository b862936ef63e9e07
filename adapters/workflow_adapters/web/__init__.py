"""The pages that signers, managers and auditors look at: an ASGI application of its own, or a part of a host's.

``console(engine, who)`` gives the application. The host says who somebody is; the engine decides what they may see and do.
Plain forms, no script, no request to anywhere else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflow_adapters.web.access import Identity, Resolver
    from workflow_adapters.web.app import console

__all__ = ["Identity", "Resolver", "console"]

_HOME = {  # imported when first asked for: the ``workflow`` command loads this package for each of its commands
    "Identity": "workflow_adapters.web.access",
    "Resolver": "workflow_adapters.web.access",
    "console": "workflow_adapters.web.app",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
