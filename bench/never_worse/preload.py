"""Imported once by the process that proxies are forked from: all that `warmprefix serve` imports."""

import warmprefix.cli.serve
import warmprefix.server.app
import warmprefix.server.run  # noqa: F401
