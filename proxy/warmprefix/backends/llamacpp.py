"""llama.cpp's llama-server."""

from warmprefix.backends.answers import Answer, members
from warmprefix.backends.base import EVERYTHING, Kind, Mark


def _is_its_own(props: Answer) -> bool:
    """With an API key set, or while it loads, llama-server hides /props but names itself."""
    return "total_slots" in members(props) or props.headers.get("server") == "llama.cpp"


KIND = Kind(name="llamacpp", can=EVERYTHING, mark=Mark("/props", _is_its_own))
"""It takes requests as they are: it echoes any Origin (CORS `*`)."""
