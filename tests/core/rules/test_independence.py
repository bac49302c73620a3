"""The chi-square test against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, chi2_contingency

from core.rules.independence import chi_square, survival
from core.rules.metrics import Counts


@given(st.floats(0, 2000), st.integers(1, 400))
def test_survival_is_that_of_scipy(x: float, df: int) -> None:
    assert survival(x, df) == pytest.approx(chi2.sf(x, df), rel=1e-8, abs=1e-12)


tables = st.tuples(st.integers(1, 6), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(0, 60))
)


@given(tables)
def test_the_test_is_that_of_scipy_without_empty_rows(counts: Counts) -> None:
    kept = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]

    found = chi_square(counts)

    if min(kept.shape) < 2:
        assert found is None
    else:
        statistic, p, df, _ = chi2_contingency(kept, correction=False)
        assert found is not None
        assert found.df == df
        assert found.statistic == pytest.approx(statistic)
        assert found.p == pytest.approx(p, rel=1e-8, abs=1e-12)
