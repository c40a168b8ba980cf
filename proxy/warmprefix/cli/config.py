"""`warmprefix config`: the settings in force and where each came from."""

import typer

from warmprefix.cli.settings import ConfigOption, effective, one_line_errors


def command(config: ConfigOption = None) -> None:
    """Show every setting in force and where its value came from.

    Each of these overrides the one before: defaults, the file, the environment
    (`WARMPREFIX_SERVER__PORT=9000`), flags of `serve`. The output is TOML; keys are masked.

    Example: `warmprefix config | grep -v default` shows what you changed.
    """
    from warmprefix.config import effective_lines

    with one_line_errors():
        lines = effective_lines(effective(config, {}))
    typer.echo("\n".join(lines))
