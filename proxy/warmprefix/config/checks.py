"""Checks that a setting's type cannot express. They raise ValueError, whose text completes "path: ..."."""

import difflib
import json
import re
import ssl
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationInfo

from warmprefix.profiles import PROFILES


def checked_url(url: str) -> str:
    """The address without a slash at its end.

    A path of /v1 is refused: the client's path is added to this address and brings its own /v1.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"not an address: {error}") from None
    if not usable or url != url.strip():
        raise ValueError(f"{quoted(url)} is not an address like http://127.0.0.1:8080")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    address = url.rstrip("/")
    if address.endswith("/v1"):
        raise ValueError(
            f"leave out /v1, the client's path brings it: {address.removesuffix('/v1')}"
        )
    return address


def checked_hosts(hosts: str) -> str:
    """Addresses with commas between them. None of several may be empty: that one would be every address."""
    if "," in hosts and not all(host.strip() for host in hosts.split(",")):
        raise ValueError(f"{quoted(hosts)} has a comma without an address")
    return hosts


def checked_ca(file: str) -> str:
    """The path of a file of certificates, if it can be used."""
    if not file:
        return ""
    path = Path(file).expanduser()
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # ssl.SSLError too
        reason = "has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"{quoted(file)}: {reason}") from None
    return str(path)


def checked_token(token: str | None) -> str | None:
    """The key, or None if it is empty. A header can carry only visible ASCII (RFC 9110, 5.5)."""
    if not token:
        return None
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("must be visible ASCII characters without blanks")
    return token


def checked_header(name: str) -> str:
    """The name, if it can be that of a header (RFC 9110, 5.1)."""
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
        raise ValueError(f"{quoted(name)} is not the name of a header")
    return name


def checked_session(names: str) -> str:
    """Names of headers with commas between them. llama-server resumes a stream by X-Conversation-Id, so
    that one is refused."""
    for name in names.split(",") if names else ():
        if checked_header(name.strip()).lower() == "x-conversation-id":
            raise ValueError("X-Conversation-Id names a stream to llama-server; take another")
    return names


def known_client(name: str) -> str:
    """The name, if a profile has it."""
    names = [profile.name for profile in PROFILES]
    if name not in names:
        raise ValueError(f"no client is called {quoted(name)}{nearest(name, names)}")
    return name


def known_rule(name: str, info: ValidationInfo) -> str:
    """The name. If the context of the check has the rules' names, it must be one of them."""
    if info.context is not None:
        check_rules([name], info.context)
    return name


def check_rules(names: Collection[str], known: Collection[str]) -> None:
    """Raises ValueError if no rule has one of the names."""
    for name in names:
        if name not in known:
            raise ValueError(f"no rule is called {json.dumps(name)}{nearest(name, known)}")


def nearest(name: str, known: Collection[str], prefix: str = "") -> str:
    """`; did you mean x?` for the known name that is most alike, or nothing if none is.

    `prefix`: what all of them begin with; it is left out of the comparison.
    """
    return did_you_mean(closest(name, known), prefix)


def closest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most alike; None if none is."""
    by_lower = {each.lower(): each for each in sorted(known)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str | None, prefix: str = "") -> str:
    """`; did you mean x?`, or nothing if there is no such name."""
    return f"; did you mean {prefix}{name}?" if name else ""


def quoted(text: str) -> str:
    """A text as an error shows it, clipped; parts that are no valid Unicode are escaped."""
    shown = json.dumps(text[:40], ensure_ascii=False).encode(errors="backslashreplace").decode()
    return f"the text {shown}"
