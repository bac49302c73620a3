"""What a canary proves, for every way a call can end."""

import pytest

from core.rules.canaries import Canary, of_call, reason_of
from core.vocabulary import Result

PROVES = {
    Result.ANSWERED: Canary.PASSED,
    Result.REFUSED: Canary.PASSED,
    Result.LENGTH: Canary.PASSED,
    Result.REJECTED: Canary.FAILED,
    Result.TOO_LARGE: Canary.FAILED,
}


@pytest.mark.parametrize("result", Result)
def test_only_what_the_model_says_passes_and_only_what_stays_wrong_fails(result: Result) -> None:
    assert of_call(result, full=True) is PROVES.get(result, Canary.OPEN)


def test_a_part_that_is_too_large_is_split_on() -> None:
    assert of_call(Result.TOO_LARGE, full=False) is Canary.OPEN
    assert of_call(Result.REJECTED, full=False) is Canary.FAILED


@pytest.mark.parametrize(
    ("result", "words", "said"),
    [
        (
            Result.REJECTED,
            "The model `fer` does not exist",
            "the first call was rejected: The model `fer` does not exist; resume tries another",
        ),
        (
            Result.TOO_LARGE,
            "at most 10 images",
            "the first call, of 20 samples, is too large for the provider: at most 10 images;",
        ),
        (Result.REJECTED, None, "the first call was rejected: rejected; resume tries another"),
    ],
)
def test_the_reason_holds_the_provider_s_words(
    result: Result, words: str | None, said: str
) -> None:
    assert reason_of(result, 20, words).startswith(said)
