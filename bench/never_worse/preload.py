"""Imported once by the process that proxies are forked from: all that `warmprefix serve` imports, be it when it
starts. What is here is no work for a proxy's garbage collector."""

import gc
from importlib import import_module

for _name in (
    "pydantic.v1",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
    "warmprefix.cli.serve",
    "warmprefix.server.app",
    "warmprefix.server.run",
    "warmprefix.stores.sqlite.store",
):
    import_module(_name)
gc.collect()
gc.freeze()
