"""Why no answer came, for a person."""

import errno
import os
import socket

from warmprefix.backends.trust import tls_failure

_WITHOUT_TEXT = {
    "ConnectTimeout": "no connection in time",
    "ReadTimeout": "no answer in time",
    "WriteTimeout": "it takes nothing",
}


def reason_of(error: Exception) -> str:
    """Why no answer came, in the system's words if it has any: httpx says no more than that all attempts
    failed."""
    if (of_tls := tls_failure(error)) is not None:
        return of_tls
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            is_of_system = cause.errno in errno.errorcode and not isinstance(cause, socket.gaierror)
            return os.strerror(cause.errno) if is_of_system else str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return str(error) or _WITHOUT_TEXT.get(type(error).__name__, "the connection broke")
