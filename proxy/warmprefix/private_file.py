"""Small files of our own that are written anew as a whole, and that nobody else on the machine may read."""

import os
from pathlib import Path


def replace_private(path: Path, content: bytes) -> None:
    """Put a file with this content there. Who reads meanwhile sees the old one or the new one, as a whole.

    Raises OSError.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    beside.replace(path)
