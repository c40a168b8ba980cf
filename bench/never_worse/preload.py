"""Imported once by the process that proxies are forked from: all that `warmprefix serve` imports."""

import proxy.cli.serve
import proxy.server.app
import proxy.server.run  # noqa: F401
