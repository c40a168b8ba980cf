"""`warmprefix config`: the settings in force and where each came from; `config set` changes one."""

from pathlib import Path
from typing import Annotated

import typer

from warmprefix.cli.settings import (
    DEFAULT_FILE,
    ConfigOption,
    effective,
    one_line_errors,
)

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def command(context: typer.Context, config: ConfigOption = None) -> None:
    """Show every setting in force and where its value came from; `config set` changes one.

    Each of these overrides the one before: defaults, the file, the environment
    (`WARMPREFIX_SERVER__PORT=9000`), flags of `serve`. The output is TOML; keys are masked.

    Example: `warmprefix config | grep -v default` shows what you changed.
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    from warmprefix.config import effective_lines

    with one_line_errors():
        lines = effective_lines(effective(config, {}))
    typer.echo("\n".join(lines))


# A name after a minus sign must not be read as options, so this command has no short ones.
_SIGNED = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@app.command("set", context_settings=_SIGNED)
def set_command(
    context: typer.Context,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The setting, as in `warmprefix config`.")
    ],
    value: Annotated[
        list[str],
        typer.Argument(
            metavar="VALUE...",
            help="Its value. For a list: +NAME adds, -NAME removes, plain names replace it, [] empties it.",
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="The file. Default: ./warmprefix.toml, made if needed."
        ),
    ] = None,
) -> None:
    """Change a setting in the settings file; comments, order and everything else in it stay.

    The result is checked first, and nothing is written if it is not valid. The file is replaced at once; its
    text before is kept beside it, with `.bak` at the end of the name. A running proxy has to be started again.

    Examples: `warmprefix config set canonicalize.enable +claude-code:freeze-volatile`,
    `warmprefix config set memory.restore_reasoning always`
    """
    from warmprefix.config.edit import changed, old_text, shown_changes, write
    from warmprefix.profiles import rule_names

    file = config or context.obj or DEFAULT_FILE
    with one_line_errors():
        is_new = not file.exists()
        old, new = old_text(file), changed(file, key, value, rule_names())
        if old == new:
            typer.echo(f"{file}: nothing to change")
            return
        backup = write(file, new)
    typer.echo("\n".join(shown_changes(file, old, new)))
    kept = f"made {file.resolve()}" if is_new else f"changed {file}; as it was: {backup}"
    typer.echo(f"{kept}. Start `warmprefix serve` again to use it.")
    _say_if_overridden(file, key)


def _say_if_overridden(file: Path, key: str) -> None:
    with one_line_errors():
        source = effective(file, {}).sources[key]
    if source.startswith("environment"):
        typer.echo(f"warmprefix: {source} overrides it", err=True)
