"""`python -m bench long_read`: a client that gives up on a long prompt, also with `slots.finish_read`."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.long_read.client import Json, Outcome, ask_until_answered
from bench.slots.rig import through
from tests.fakes.llama import model_file
from tests.servers.stock import StockServer
from warmprefix.embedded.backend import gemma_template

HELP = "whether a client that gives up and asks again ever gets its long prompt read"
_TOKENS_OF_A_ROW = 9
"""gemma's, about."""

WAYS: tuple[tuple[str, dict[str, str] | None], ...] = (
    ("directly", None),
    ("through, by default", {}),
    ("through, finish_read", {"WARMPREFIX_SLOTS__FINISH_READ": "true"}),
)


def command(arguments: Sequence[str]) -> int:
    """Measure and print; 1 if a read with `finish_read` has not ended."""
    parser = argparse.ArgumentParser(prog="python -m bench long_read", description=HELP)
    parser.add_argument("--tokens", type=int, default=11_000, help="of the prompt, about")
    parser.add_argument("--patience", type=float, default=30.0, metavar="S")
    parser.add_argument("--tries", type=int, default=8)
    parser.add_argument("--slots", help="llama-server's -np; its own default if not given")
    options = parser.parse_args(arguments)
    flags = ["-np", options.slots] if options.slots else []
    body = _prompt(options.tokens)
    with tempfile.TemporaryDirectory() as folder:
        with _server(flags, Path(folder)) as url:
            alone = ask_until_answered(url, body, 3600.0, 1)
        print(f"undisturbed: {alone.seconds:.1f} s, patience {options.patience:.0f} s", flush=True)
        found = alone
        for name, settings in WAYS:
            with _server(flags, Path(folder)) as backend:
                found = _ask(backend, settings, Path(folder), body, options.patience, options.tries)
            print(f"{name:<22}{_said(found)}", flush=True)
    return 0 if found.is_answered else 1


def _ask(
    backend: str,
    settings: dict[str, str] | None,
    folder: Path,
    body: Json,
    patience_s: float,
    tries: int,
) -> Outcome:
    if settings is None:
        return ask_until_answered(backend, body, patience_s, tries)
    with through(backend, folder, settings) as url:
        return ask_until_answered(url, body, patience_s, tries)


def _said(found: Outcome) -> str:
    after = f"after {found.tries} requests and {found.seconds:.1f} s"
    return f"answered {after}" if found.is_answered else f"no answer {after}"


def _prompt(tokens: int) -> Json:
    rows = (f"Row {at} weighs {at * 7 % 113} grams." for at in range(tokens // _TOKENS_OF_A_ROW))
    messages = [{"role": "user", "content": "\n".join(rows)}]
    return {"messages": messages, "max_tokens": 4, "temperature": 0}


@contextmanager
def _server(flags: Sequence[str], folder: Path) -> Iterator[str]:
    """A fresh stock llama-server with the small real model, on one thread."""
    model = model_file("gemma", folder)
    server = StockServer(model, *flags, chat_template=gemma_template(), context=32768).start()
    try:
        yield server.url
    finally:
        server.close()
