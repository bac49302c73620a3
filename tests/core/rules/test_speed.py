"""How fast a job goes right now."""

import pytest

from core.rules.speed import Speed, Totals, Window, together


def totals(at: float, done: int) -> Totals:
    return Totals(at=at, samples=done, attempts=done * 2, tokens=done * 100)


def test_one_look_tells_no_speed() -> None:
    assert Window().after(totals(0.0, 40)) is None


def test_less_than_a_second_tells_no_speed() -> None:
    window = Window()
    window.after(totals(0.0, 0))

    assert window.after(totals(0.9, 100)) is None


def test_the_speed_is_what_was_done_between_the_first_look_and_the_last() -> None:
    window = Window()
    window.after(totals(0.0, 10))
    window.after(totals(1.0, 11))

    assert window.after(totals(2.0, 20)) == Speed(5.0, 600.0, 30_000.0)


def test_only_the_last_seconds_count() -> None:
    window = Window(seconds=10)
    for second in range(60):
        speed = window.after(totals(second, min(second, 30)))
        if second == 35:
            assert speed == Speed(0.5, 60.0, 3000.0)

    assert speed == Speed(0.0, 0.0, 0.0)


def test_a_look_after_a_long_pause_is_measured_from_the_one_before() -> None:
    window = Window(seconds=10)
    window.after(totals(0.0, 0))

    assert window.after(totals(100.0, 50)) == Speed(0.5, 60.0, 3000.0)


def test_samples_that_are_asked_about_again_are_no_speed_below_zero() -> None:
    window = Window()
    window.after(totals(0.0, 10))

    assert window.after(totals(2.0, 4)) == Speed(0.0, 0.0, 0.0)


@pytest.mark.parametrize("parts", [[], [None], [None, None]])
def test_a_whole_whose_parts_have_no_speed_has_none(parts: list[Speed | None]) -> None:
    assert together(parts) is None


def test_a_whole_is_as_fast_as_its_parts_together() -> None:
    assert together([Speed(0.1, 6.0, 1.0), None, Speed(0.2, 12.0, 2.0)]) == Speed(0.3, 18.0, 3.0)
