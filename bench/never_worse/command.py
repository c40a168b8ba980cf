"""`python -m bench never_worse`: checks the law with random traffic on stock servers."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.never_worse import latency
from bench.never_worse.plan import Ask, Plan
from bench.never_worse.rig import Played, play
from bench.never_worse.scenes import SCENES
from bench.never_worse.settings import MODELS, SETTINGS, Model, Setting
from bench.never_worse.traffic import KINDS, plan_of
from bench.never_worse.verdict import Pair, Row
from tests.servers.stock import stock_binary

AT_ONCE = 4
"""How many clients ask at the same time with --parallel."""

HELP = "random traffic on stock llama-servers: tokens processed through <= direct"
_MORE = """\
Each plan is random traffic of one kind, a function of its seed: played once directly and once through
`warmprefix serve` with default settings, each time on a fresh llama-server. We count the tokens that the server
says it evaluated for each request. The law, for each setting and model:
  the sum of its plans through the proxy <= direct,
  no plan above 1.05 x direct + 1 token per request,
  no plan of kind "single" (one conversation) above direct + 1 token per request;
  no request fails and no sleep is disturbed only through the proxy.

examples:
  python -m bench never_worse --plans 12                      every setting, the full-attention model
  python -m bench never_worse --setting "no flags" --plans 60 one setting
  python -m bench never_worse --model recurrent --setting "-np 2 -kvu"
  python -m bench never_worse --setting "no flags" --verbose 17    one plan, request by request
  python -m bench never_worse --parallel                      the clients of a plan ask at the same time
  python -m bench never_worse --latency                       nobody waits for a busy slot while one is idle
  python -m bench never_worse --scenes                        plain scenes, one row each, with the strict law
"""


def command(arguments: Sequence[str]) -> int:
    """0 if the law holds, 1 if not."""
    options = _parser().parse_args(arguments)
    if stock_binary() is None:
        sys.stderr.write("no llama-server; make servers\n")
        return 1
    settings = [SETTINGS[name] for name in options.setting or SETTINGS]
    models = [MODELS[name] for name in options.model or ["full"]]
    if options.verbose is not None:
        plan = plan_of(options.verbose, options.kind)
        show(plan, settings[0], models[0])
        return 0
    if options.latency:
        return judge_latency(settings, models[0], options.seed, options.requests)
    if options.scenes:
        jobs = [(scene.plan(), SETTINGS[name]) for scene in SCENES for name in scene.settings]
        rows = (measure([plan], setting, models[0], options) for plan, setting in jobs)
    else:
        seeds = range(options.seed, options.seed + options.plans)
        plans = [plan_of(seed, options.kind) for seed in seeds]
        rows = (measure(plans, setting, model, options) for model in models for setting in settings)
    return judge(rows, parallel=options.parallel)


def judge(rows: Iterable[Row], *, parallel: bool) -> int:
    """Print the rows as they come, and every breach of the law; 0 if there is none."""
    print(
        f"{'setting':<28}{'model':<11}{'plans':>5}{'direct':>11}{'through':>11}{'ratio':>7}"
        f"{'ahead':>9}  worst plan"
    )
    broken = []
    for row in rows:
        print(line(row, parallel=parallel), flush=True)
        broken += [f"{row.setting}, {row.model}: {law}" for law in row.broken(parallel=parallel)]
    for law in broken:
        print(f"FAIL {law}")
    print("FAIL" if broken else "PASS")
    return 1 if broken else 0


def judge_latency(settings: Sequence[Setting], model: Model, seed: int, requests: int) -> int:
    """Print the times to the first byte; 0 if nobody waits longer than directly."""
    print(latency.HEAD)
    holds = True
    for setting in settings:
        for pace, times in latency.measure(setting, model, seed, requests):
            holds &= times.holds
            print(latency.line(setting, pace, times), flush=True)
    print("PASS" if holds else "FAIL")
    return 0 if holds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench never_worse",
        description=HELP,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say = parser.add_argument
    say("--plans", type=int, default=12, help="plans for each setting and model (12)")
    say("--scenes", action="store_true", help="the scenes of scenes.py instead of random traffic")
    say("--latency", action="store_true", help="times to the first byte instead of tokens")
    most = f"requests of each pace with --latency ({latency.REQUESTS})"
    say("--requests", type=int, default=latency.REQUESTS, help=most)
    say("--seed", type=int, default=0, help="seed of the first plan; the others follow (0)")
    say("--setting", action="append", choices=list(SETTINGS), help="may be repeated; default: all")
    say("--model", action="append", choices=list(MODELS), help="may be repeated; default: full")
    say("--kind", choices=list(KINDS), help="traffic of one kind; default: all in turn")
    say("--parallel", action="store_true", help="the clients of a plan ask at the same time")
    say("--jobs", type=int, default=1, help="plans at the same time (1); counts stay the same")
    say(
        "--verbose",
        type=int,
        metavar="SEED",
        help="show one plan request by request, on the first setting",
    )
    return parser


def measure(
    plans: Sequence[Plan], setting: Setting, model: Model, options: argparse.Namespace
) -> Row:
    """All plans on one setting, progress on standard error."""
    row = Row(setting.name, model.name)
    began = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            at_once = AT_ONCE if options.parallel else 1
            both = partial(pair, setting=setting, model=model, at_once=at_once)
            for one in pool.map(both, plans):
                row.pairs.append(one)
                progress(f"{setting.name}, {model.name}: {len(row.pairs)} of {len(plans)}", began)
        except (
            BaseException
        ):  # interrupted or failed: running plans stop their servers, no more begin
            pool.shutdown(cancel_futures=True)
            raise
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    return row


def progress(told: str, began: float) -> None:
    """A line that is overwritten each time, for a person who waits."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{told}, {time.monotonic() - began:.0f} s ")
        sys.stderr.flush()


def pair(plan: Plan, *, setting: Setting, model: Model, at_once: int = 1) -> Pair:
    """One plan, both ways."""
    try:
        direct = play(plan, setting, model, through=False, at_once=at_once)
        through = play(plan, setting, model, through=True, at_once=at_once)
    except Exception as failure:
        failure.add_note(f"seed {plan.seed} ({plan.kind}) on {setting.name}, {model.name}")
        raise
    return Pair(
        plan.seed,
        plan.kind,
        plan.requests,
        plan.strict,
        direct.processed,
        through.processed,
        ahead=through.total - through.processed,
        failed=through.failures - direct.failures,
        sleepless=through.sleepless - direct.sleepless,
    )


def line(row: Row, *, parallel: bool) -> str:
    """A row of the table."""
    worst = row.worst()
    verdict = "FAIL" if row.broken(parallel=parallel) else "pass"
    ratio = row.through / max(1, row.direct)
    return (
        f"{row.setting:<28}{row.model:<11}{len(row.pairs):>5}{row.direct:>11,}{row.through:>11,}{ratio:>7.3f}"
        f"{row.ahead:>9,}  {verdict} {worst.ratio:.2f} (seed {worst.seed}, {worst.kind})"
    )


def show(plan: Plan, setting: Setting, model: Model, *, at_once: int = 1) -> None:
    """Print one plan, request by request: prompt, tokens evaluated directly and through the proxy, its log."""
    direct = play(plan, setting, model, through=False, at_once=at_once)
    through = play(plan, setting, model, through=True, at_once=at_once)
    print(f"seed {plan.seed}: {plan.kind}, {plan.template}, on {setting.name}, {model.name}")
    print(f"{'step':>4} {'who':<16}{'prompt':>7}{'direct':>8}{'through':>8}  what")
    chats = iter(_chat_lines(through))
    ours = {count.step: count for count in through.counts}
    for count in sorted(direct.counts, key=lambda count: count.step):
        step = plan.steps[count.step]
        other = ours[count.step]
        record = next(chats, {}) if isinstance(step, Ask) else {}
        told = {
            key: record.get(key)
            for key in ("slot", "slot_reason", "cause", "restored")
            if record.get(key) is not None
        }
        print(
            f"{count.step:>4} {count.what:<16}{count.prompt_tokens:>7,}{count.processed_tokens:>8,}"
            f"{other.processed_tokens:>8,}  {described(step)} {told or ''}"
        )
    print(f"sum  {'':<16}{'':>7}{direct.processed:>8,}{through.processed:>8,}")
    print(f"the server's totals: {direct.total:,} directly, {through.total:,} through")


def _chat_lines(played: Played) -> list[dict[str, object]]:
    return played.log


def described(step: object) -> str:
    """What a step does, in a word or two."""
    if not isinstance(step, Ask):
        return ""
    parts = [f"takes {step.drop} back"] if step.drop else []
    parts += [f"on {step.base}"] if step.base != "history" else []
    parts += [", ".join(step.noises)] if step.noises else []
    parts += [f"{len(step.options['tools'])} tools"] if step.options.get("tools") else []
    return "; ".join(parts)
