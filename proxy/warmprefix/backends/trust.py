"""Whom a connection to a backend trusts: one list of certificates, for relaying and for asking."""

import functools
import ssl

import httpx

from warmprefix.core.errors import Untrusted


@functools.cache
def trust(url: str, ca_file: str = "", *, verify: bool = True) -> ssl.SSLContext:
    """The certificates for the backend at `url`: those of `ca_file`, or else the system's and certifi's.

    An address without TLS needs none, and reading them would take 40 ms of a start.
    """
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file:
        context = ssl.create_default_context(cafile=ca_file)
    else:
        context = httpx.create_ssl_context(trust_env=False)
        context.load_default_certs()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def distrusted(url: str, error: BaseException) -> Untrusted | None:
    """The error of a connection whose TLS failed; None if it failed otherwise."""
    reason = tls_failure(error)
    return None if reason is None else Untrusted(f"{url}: {reason}")


def tls_failure(error: BaseException) -> str | None:
    """What OpenSSL says, which stands at the bottom of what the libraries raise; None if it was not TLS."""
    found: BaseException | None = error
    reason: ssl.SSLError | None = None
    while found is not None:
        reason = found if isinstance(found, ssl.SSLError) else reason
        found = found.__cause__ or found.__context__
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    return None if reason is None else f"no TLS: {reason.reason or reason}"
