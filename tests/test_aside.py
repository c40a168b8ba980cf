"""Large work is done in a thread, small work at once; both give what the work gives."""

import threading
from collections.abc import Iterator

import pytest

from warmprefix.aside import Aside, NoAside

LARGE_BYTES = 100


@pytest.fixture
def aside() -> Iterator[Aside]:
    made = Aside(LARGE_BYTES)
    yield made
    made.close()


def boom() -> None:
    raise ValueError("boom")


async def test_work_for_a_small_body_is_done_at_once(aside: Aside) -> None:
    assert await aside.of(LARGE_BYTES)(threading.get_ident) == threading.get_ident()


async def test_work_for_a_large_body_is_done_in_one_thread_of_its_own(aside: Aside) -> None:
    threads = {await aside.of(LARGE_BYTES + 1)(threading.get_ident) for _ in range(3)}

    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_without_a_thread_all_work_is_done_at_once() -> None:
    assert await NoAside().of(1 << 40)(threading.get_ident) == threading.get_ident()


@pytest.mark.parametrize("size", [LARGE_BYTES, LARGE_BYTES + 1])
async def test_arguments_and_errors_pass(aside: Aside, size: int) -> None:
    run = aside.of(size)

    assert await run(int, "11", base=3) == 4
    with pytest.raises(ValueError, match="boom"):
        await run(boom)
