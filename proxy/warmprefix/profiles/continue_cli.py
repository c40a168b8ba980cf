"""Continue's command line, `cn` (captured with 1.5.47). Its library names itself by a mangled class, `ls`."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "continue",
    user_agents=("ls/JS",),
    system_starts=("You are an agent in the Continue CLI",),
    recommended=("continue:freeze-volatile",),
)
