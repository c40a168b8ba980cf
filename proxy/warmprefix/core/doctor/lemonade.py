"""Findings about a Lemonade Server: which models stay loaded, and when a cache is dropped.

Source: https://github.com/lemonade-sdk/lemonade, 11.7.0: docs of max_loaded_models and auto_evict.
"""

from collections.abc import Iterator

from warmprefix.core.doctor.facts import LemonadeFacts, LoadedModel
from warmprefix.core.doctor.finding import Finding, bad, good, note
from warmprefix.core.plural import plural

_LLAMA = "llamacpp"


def lemonade_findings(lemonade: LemonadeFacts, *, has_server: bool) -> Iterator[Finding]:
    """Findings about a Lemonade Server. `has_server`: the llama-server behind it answered too."""
    yield from _loaded(lemonade)
    if lemonade.loaded and lemonade.loaded[0].recipe == _LLAMA and not has_server:
        yield _not_asked(lemonade)
    yield from _limit(lemonade)
    yield _eviction(lemonade.auto_evict)


def _loaded(lemonade: LemonadeFacts) -> Iterator[Finding]:
    if not lemonade.loaded:
        yield note(
            "No language model is loaded",
            "The llama-server behind it starts with the first request and can be asked only then.",
            "send one request, then ask again",
        )
        return
    names = ", ".join(model.name for model in lemonade.loaded)
    yield good(f"Loaded: {names}", "Each has its own process, and so its own cache.")
    yield from (_other_recipe(model) for model in lemonade.loaded if model.recipe != _LLAMA)


def _not_asked(lemonade: LemonadeFacts) -> Finding:
    why = "Its slots and its template are unknown."
    if lemonade.is_local:
        return note("The llama-server behind it did not answer", why, "ask again later")
    return note(
        "The llama-server behind it cannot be asked from here",
        f"It listens on the loopback address of Lemonade's machine. {why}",
        "run warmprefix doctor on that machine",
    )


def _other_recipe(model: LoadedModel) -> Finding:
    return note(
        f"{model.name} runs on {model.recipe}, not on llama-server",
        "Nothing is known about its slots and its template, and it may not report cached tokens; a "
        "history that only grows is best for any cache.",
    )


def _limit(lemonade: LemonadeFacts) -> Iterator[Finding]:
    limit = lemonade.limit
    if limit is None or lemonade.available < 2:
        return
    if limit == 1:
        yield note(
            f"One language model at a time, out of {lemonade.available}",
            "A request for another model unloads the current one, and its cache is lost.",
            "use one model name, or: lemonade config set max_loaded_models=2",
        )
    else:
        many = "any number of language models" if limit < 0 else plural(limit, "language model")
        yield good(
            f"Room for {many} at a time",
            "A request for another model need not unload the first.",
        )


def _eviction(auto_evict: bool | None) -> Finding:
    advice = "lemonade config set auto_evict=false, or pin the model"
    if auto_evict is None:
        return note(
            "It is unknown whether idle models lose their cache (auto_evict)",
            "Its configuration needs the admin key. With auto_evict on, a model that was idle for some "
            "minutes is unloaded; up to version 11.7 its cache is erased after one minute.",
            "run lemonade config, and look for auto_evict",
        )
    if auto_evict:
        return bad(
            "Idle models lose their cache (auto_evict is on)",
            "A model that was idle for some minutes is unloaded; up to version 11.7 its cache is erased after "
            "one minute.",
            advice,
        )
    return good(
        "Idle models keep their cache (auto_evict is off)",
        "Only a request for another model unloads one.",
    )
