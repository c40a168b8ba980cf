"""A behaviour that costs more than it keeps is switched off, and tried again."""

from warmprefix.core.slots.stand_down import LEAST_COST_TOKENS, PAUSE, StandDown, StoodDown


def test_one_bad_turn_proves_nothing() -> None:
    balance = StandDown()

    assert balance.judge("copy", -5000) is None
    assert balance.may("copy")


def test_two_bad_turns_switch_it_off_and_it_is_tried_again() -> None:
    balance = StandDown()
    balance.judge("copy", -100)

    assert balance.judge("copy", -200) == StoodDown("copy", 2, 300)
    assert balance.off == (StoodDown("copy", 2, 300),)
    assert [balance.may("copy") for _ in range(PAUSE)] == [False] * PAUSE
    assert balance.may("copy")
    assert not balance.off


def test_what_it_kept_before_counts() -> None:
    balance = StandDown()
    balance.judge("own", 1000)
    balance.judge("own", -400)

    assert balance.judge("own", -500) is None
    assert balance.may("own")


def test_a_little_is_noise() -> None:
    balance = StandDown()

    assert [balance.judge("own", -LEAST_COST_TOKENS // 4) for _ in range(3)] == [None] * 3


def test_one_that_is_off_is_not_switched_off_twice_and_others_go_on() -> None:
    balance = StandDown()
    balance.judge("copy", -100)
    balance.judge("copy", -100)

    assert balance.judge("copy", -100) is None
    assert balance.may("own")
