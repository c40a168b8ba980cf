"""`warmprefix connect`: what one client needs so that it speaks to the proxy."""

import os
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.completion import clients
from warmprefix.cli.config import how_to_use
from warmprefix.cli.settings import one_line_errors, say
from warmprefix.cli.tail import ApiKeyOption, quiet_end
from warmprefix.cli.which import UrlOption, settings_file, which
from warmprefix.core.errors import ConfigError

if TYPE_CHECKING:
    from warmprefix.connect.recipes import Given, Recipe


ModelOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model [default: the proxy's first].")
]
ContextOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="TOKENS", help="Its context [default: what the backend says]."),
]
FileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The client's settings file, if it is another one."),
]


def command(
    client: Annotated[
        str | None,
        typer.Argument(
            metavar="[CLIENT]", help="Its name; without one all are listed.", autocompletion=clients
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write it into the client's settings file.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Put back what that file said before --write.")
    ] = False,
    recommended: Annotated[
        bool,
        typer.Option(
            "--recommended",
            help="Switch on the opt-in rules that pay for it, in the settings of warmprefix.",
        ),
    ] = False,
    model: ModelOption = None,
    context: ContextOption = None,
    file: FileOption = None,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Show what a client needs to use the proxy, or write it into the client's own settings.

    Address, model and context are those of the running proxy. `--write` shows the change, keeps the text before
    beside the file, and leaves everything else in it as it is, comments too; `--undo` takes it back. A file
    that cannot be read as what it should be is not touched. Keys are masked in what is shown.

    Examples: `warmprefix connect`, `warmprefix connect opencode`, `warmprefix connect opencode --write`,
    `warmprefix connect opencode --undo`
    """
    with quiet_end(), one_line_errors():
        if client is None:
            show_all(write or undo or recommended)
        elif undo:
            take_back(named(client))
        else:
            recipe = named(client)
            given, is_known = given_by(url, api_key, model, context)
            if write and not is_known:
                raise ConfigError("which model? Give --model NAME, or start the proxy first")
            (write_file if write else show)(recipe, given, file)
            (switch_on if recommended else tell_opt_ins)(recipe)


def show_all(is_wanted: bool) -> None:
    """All clients; raises ConfigError if something is to be done for none of them."""
    from warmprefix.cli.connect_text import listed
    from warmprefix.connect.recipes import recipes

    if is_wanted:
        raise ConfigError("for which client? `warmprefix connect` lists them")
    for line in listed(recipes()):
        typer.echo(line)
    typer.echo(
        "\nwarmprefix connect CLIENT says what it needs; for others, what it calls its base URL:"
    )
    typer.echo(f"{which(None)}/v1")


def named(client: str) -> "Recipe":
    """The recipe of that name; raises ConfigError."""
    from warmprefix.config.checks import nearest
    from warmprefix.connect.recipes import recipes

    by_name = {one.name: one for one in recipes()}
    found = by_name.get(client.lower())
    if found is None:
        hint = nearest(client, by_name) or "; `warmprefix connect` lists all"
        raise ConfigError(f"no client is called {client}{hint}")
    return found


def given_by(
    url: str | None, api_key: str | None, model: str | None, context: int | None
) -> "tuple[Given, bool]":
    """The proxy's address and model, and whether the model is known. A line says what is not."""
    from warmprefix.connect.recipes import NO_KEY, NO_MODEL, USUAL_CONTEXT, Given

    origin = which(url).rstrip("/").removesuffix("/v1")
    found = models(origin, api_key)
    name = model or (found[0][0] if found else None)
    tokens = context or next((tokens for one, tokens in found if one == name), None)
    if name is not None and tokens is None:
        say(f"the context of {name} is not known: {USUAL_CONTEXT:,} stands for it; give --context")
    given = Given(origin, name or NO_MODEL, api_key or NO_KEY, tokens or USUAL_CONTEXT)
    return given, name is not None


def models(origin: str, api_key: str | None) -> list[tuple[str, int | None]]:
    """The models behind the proxy with their contexts; none, and a line why, if it does not say."""
    from contextlib import closing

    from warmprefix.cli.follow_url import Refused, TurnFeed, Unanswered, plain_errors

    try:
        with plain_errors(), closing(TurnFeed(origin, api_key, say)) as feed:
            return feed.models()
    except (Refused, Unanswered) as error:
        say(f"the proxy at {origin} does not say which models there are: {error}")
        return []


def path_of(recipe: "Recipe", file: Path | None) -> Path:
    """The client's settings file; raises ConfigError if it has none that could be written."""
    if recipe.file is None:
        raise ConfigError(
            f"{recipe.label} has no settings file that could be written; "
            f"`warmprefix connect {recipe.name}` says what to do"
        )
    return file or recipe.file.path(os.environ, Path.home())


def show(recipe: "Recipe", given: "Given", file: Path | None) -> None:
    """Prints the recipe."""
    from warmprefix.cli.connect_text import blocks, text_of, tried_or_why

    typer.echo(f"{recipe.label} ({tried_or_why(recipe)}; {recipe.source})\n")
    typer.echo(text_of(blocks(recipe, given, str(path_of(recipe, file)) if recipe.file else "")))
    if recipe.file is not None:
        typer.echo(f"\n`warmprefix connect {recipe.name} --write` writes the file")


def write_file(recipe: "Recipe", given: "Given", file: Path | None) -> None:
    """Writes the client's settings file, and shows what has changed. Raises ConfigError."""
    from warmprefix.cli.connect_text import masked
    from warmprefix.connect import written
    from warmprefix.connect.documents import NotReadable, changed

    path = path_of(recipe, file)
    settings = recipe.file
    assert settings is not None
    try:
        before = path.read_bytes().decode() if path.exists() else ""
        text = before
        if settings.first and not before.strip():
            text = changed("", settings.format, settings.first)
        after = changed(text, settings.format, given.content(settings.content))
    except (NotReadable, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigError(f"{path}: {reason}; it is left as it is") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if after == before:
        typer.echo(f"{path}: nothing to change")
        return
    note = written.write(written.notes_folder(os.environ), recipe.name, path, after)
    pairs = (before.splitlines(), after.splitlines())
    for line in unified_diff(*pairs, str(path), str(path), n=2, lineterm=""):
        typer.echo(masked(line, given.key))
    kept = f"; as it was: {note.backup}" if note.backup else ""
    typer.echo(f"wrote {path}{kept}. `warmprefix connect {recipe.name} --undo` takes it back")
    if recipe.start:
        typer.echo(f"then: {given.filled(recipe.start)}")


def take_back(recipe: "Recipe") -> None:
    """Takes back what was written, and says so. Raises ConfigError."""
    from warmprefix.connect import written

    note = written.undo(written.notes_folder(os.environ), recipe.name)
    typer.echo(f"{note.file} is {'as it was' if note.backup else 'removed; it was new'}")


def tell_opt_ins(recipe: "Recipe") -> None:
    """Says which opt-in rules pay for the client, unless they are on."""
    from warmprefix.cli.connect_text import opt_ins

    if rules := opt_ins(recipe):
        typer.echo(
            f"\nrecommended for it, and off by default, as the model may read something older then: "
            f"{', '.join(rules)}; `warmprefix connect {recipe.name} --recommended` switches them on"
        )


def switch_on(recipe: "Recipe") -> None:
    """Enables the recommended rules in the settings of warmprefix. Raises ConfigError."""
    from warmprefix.cli.connect_text import opt_ins
    from warmprefix.config.edit import changed, old_text, shown_changes, write
    from warmprefix.profiles import rule_names

    rules = opt_ins(recipe)
    if not rules:
        typer.echo(f"nothing is recommended for {recipe.label}")
        return
    file = settings_file()
    old = old_text(file)
    new = changed(file, "canonicalize.enable", [f"+{rule}" for rule in rules], rule_names())
    if old == new:
        typer.echo(f"{file}: {', '.join(rules)}: already on")
        return
    write(file, new)
    typer.echo("\n".join(shown_changes(file, old, new)))
    typer.echo(how_to_use(file, "canonicalize.enable"))
