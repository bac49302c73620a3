import pytest

from core.rules.advice import Told, advice
from core.rules.specs import Limits


def test_a_limit_told_to_be_lower_is_said_to_be_kept() -> None:
    told = [Told("env:A", 300, None, None), Told("env:B", None, None, None)]

    assert advice("m", Limits(rpm=600), told) == [
        "The provider allows env:A 300 requests a minute and 600 are configured: 300 are kept."
    ]


def test_a_limit_told_to_be_higher_is_offered_and_not_taken() -> None:
    told = [Told("env:A", 5000, 2_000_000, None), Told("env:B", 6000, 2_000_000, None)]

    requests, tokens = advice("m", Limits(rpm=600, tpm=30_000), told)

    assert requests == (
        "The provider allows 5,000 requests a minute and 600 are configured: 600 are kept."
        " To use more: gerbench models change m --rpm 5000"
    )
    assert tokens.endswith("gerbench models change m --tpm 2000000")


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        (Limits(rpm=600), [Told("env:A", 600, None, 7)]),
        (Limits(), [Told("env:A", 600, None, None)]),
        (Limits(rpm=600), []),
        # Nobody knows what the second credential allows.
        (Limits(rpm=600), [Told("env:A", 700, None, None), Told("env:B", None, None, None)]),
    ],
)
def test_what_agrees_or_is_not_known_needs_no_advice(configured: Limits, told: list[Told]) -> None:
    assert advice("m", configured, told) == []
