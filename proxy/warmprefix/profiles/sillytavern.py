"""SillyTavern (captured with 1.19.0). It is known by its usual main prompt alone, in which the names change."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "sillytavern",
    system_pattern=re.compile(r"\AWrite .{1,80}'s next reply in a fictional chat between "),
    recommended=("sillytavern:restore-transient-blocks",),
)
