"""`warmprefix config`: the settings in force and where each came from; `config set` changes one."""

from pathlib import Path
from typing import Annotated

import typer

from warmprefix.cli.completion import settings
from warmprefix.cli.settings import (
    ConfigOption,
    effective,
    one_line_errors,
)
from warmprefix.cli.which import at, only_one, running_here, settings_file, usable_url

RunningOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Of the proxy at this address, if several run on this machine.",
        callback=usable_url,
    ),
]

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def command(context: typer.Context, config: ConfigOption = None, url: RunningOption = None) -> None:
    """Show every setting in force and where its value came from; `config set` changes one.

    Of the proxy that runs here, if there is one; else, or with `--config`, what `serve` would use.

    Each of these overrides the one before: defaults, the file, the environment
    (`WARMPREFIX_SERVER__PORT=9000`), flags of `serve`. The output is TOML; keys are masked.

    Example: `warmprefix config | grep -v default` shows what you changed.
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    from warmprefix.config import effective_lines

    found = at(url) if url is not None else only_one() if config is None else None
    if found is not None and found.settings:
        typer.echo(f"# in force in {found.url} (process {found.pid})")
        typer.echo("\n".join(found.settings))
        return
    with one_line_errors():
        lines = effective_lines(effective(config, {}))
    typer.echo("\n".join(lines))


# A name after a minus sign must not be read as options, so this command has no short ones.
_SIGNED = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


KeyArgument = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="The setting, as in `warmprefix config`.",
        autocompletion=settings,
    ),
]
ValueArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="VALUE...",
        help="Its value. For a list: +NAME adds, -NAME removes, plain names replace it, [] empties it.",
    ),
]


@app.command("set", context_settings=_SIGNED)
def set_command(
    context: typer.Context,
    key: KeyArgument,
    value: ValueArgument,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The file, made if needed. Default: that of the proxy that runs here, "
            "else ./warmprefix.toml.",
        ),
    ] = None,
) -> None:
    """Change a setting in the settings file; comments, order and everything else in it stay.

    The result is checked first, and nothing is written if it is not valid. The file is replaced at once; its
    text before is kept beside it, with `.bak` at the end of the name. The last line says how the running proxy
    gets to use it.

    Examples: `warmprefix config set canonicalize.enable +claude-code:freeze-volatile`,
    `warmprefix config set memory.restore_reasoning always`
    """
    from warmprefix.config.edit import changed, old_text, shown_changes, write
    from warmprefix.profiles import rule_names

    file = config or context.obj or settings_file()
    with one_line_errors():
        is_new = not file.exists()
        old, new = old_text(file), changed(file, key, value, rule_names())
        if old == new:
            typer.echo(f"{file}: nothing to change")
            return
        backup = write(file, new)
    typer.echo("\n".join(shown_changes(file, old, new)))
    kept = f"made {file.resolve()}" if is_new else f"changed {file}; as it was: {backup}"
    typer.echo(f"{kept}. {how_to_use(file, key)}")
    _say_if_overridden(file, key)


def how_to_use(file: Path, key: str) -> str:
    """What makes the proxy use a changed setting."""
    from warmprefix.config.schema import is_reloadable

    reading = [one for one in running_here() if one.file == str(file.resolve())]
    if len(reading) == 1 and is_reloadable(key):
        return f"`kill -HUP {reading[0].pid}` makes {reading[0].url} use it."
    return "Start `warmprefix serve` again to use it."


def _say_if_overridden(file: Path, key: str) -> None:
    with one_line_errors():
        source = effective(file, {}).sources[key]
    if source.startswith("environment"):
        typer.echo(f"warmprefix: {source} overrides it", err=True)
