import numpy as np
import pytest

from crackle_stream.stats.quantiles import median, quantile, sorted_quantiles

SHARES = (0.0, 0.05, 0.1, 0.5, 0.75, 0.8, 0.95, 0.98, 1.0)


@pytest.mark.parametrize("n", [1, 2, 3, 24, 201, 1000])
def test_medians_and_quantiles_are_those_of_numpy_to_the_last_digit(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=n), rng.lognormal(size=n), rng.poisson(2, n).astype(float)):
        assert median(values) == np.median(values)
        assert [quantile(values, share) for share in SHARES] == np.quantile(values, SHARES).tolist()
        assert sorted_quantiles(np.sort(-values), SHARES) == np.quantile(-values, SHARES).tolist()
