"""The law follows what was measured, and its interval says how surely."""

import numpy as np
import pytest
from scipy.stats import norm

from featx.evaluation.power_law import Sizes, falls, fit_power_law

IMAGES = np.array([2.0, 4.0, 8.0, 16.0])


def drawn(accuracies, n=400, *, noise=0.0, groups=None, rng=None, images=IMAGES):
    """Draw images that are easy or hard, and right as often as is asked for."""
    rng = rng or np.random.default_rng(0)
    # The mean of Phi(z + t) over normal t is Phi(z / sqrt(2)).
    level = norm.ppf(np.asarray(accuracies)) * np.sqrt(2)
    chance = norm.cdf(level + rng.normal(size=(n, 1)))
    # Several fits on few images, one on all.
    draws = np.array([4, 4, 2, 1])[-len(images) :]
    right = rng.binomial(draws, chance) / draws
    return Sizes(
        images=images,
        right=right,
        noise=np.full(len(images), noise),
        groups=np.arange(n) if groups is None else groups,
    )


def exact(accuracies, n=20_000):
    """Return sizes with just these accuracies."""
    return drawn(accuracies, n)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.3), (0.9, 0.6), (0.3, 0.1)])
def test_a_curve_without_a_floor_is_followed(a, b):
    law, curve = fit_power_law(exact(1 - a * IMAGES**-b))
    assert curve[-1].images_per_class == 32
    assert curve[-1].accuracy == pytest.approx(1 - a * 32**-b, abs=0.02)
    assert law.c < 0.15
    assert curve[0].images_per_class == 2
    steps = [point.images_per_class for point in curve]
    assert steps == sorted(set(steps))
    for point in curve:
        own = 1 - (law.a * point.images_per_class**-law.b + law.c)
        assert point.accuracy == pytest.approx(own)
        low, high = point.interval
        assert 0 <= low < point.accuracy < high <= 1


def test_half_of_a_floor_is_kept():
    _, curve = fit_power_law(exact(1 - 0.8 * IMAGES**-1.0 - 0.2))
    truth = 1 - 0.8 / 32 - 0.2
    assert truth - 0.005 < curve[-1].accuracy < truth + 0.03
    low, high = curve[-1].interval
    assert low < truth < high


def test_a_flat_curve_stays():
    law, curve = fit_power_law(exact([0.7] * 4))
    assert curve[-1].accuracy == pytest.approx(0.7, abs=0.01)
    assert law.a >= 0


def test_fewer_images_tell_less():
    accuracies = [0.5, 0.6, 0.68, 0.74]
    widths = []
    for n in (60, 240, 960):
        low, high = fit_power_law(drawn(accuracies, n))[1][-1].interval
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]
    assert widths[0] > 0.15


def test_copies_and_noise_tell_less():
    sizes = drawn([0.5, 0.6, 0.68, 0.74], 300)
    copied = Sizes(
        sizes.images,
        sizes.right.repeat(4, axis=0),
        sizes.noise,
        np.arange(300).repeat(4),
    )
    noisy = drawn([0.5, 0.6, 0.68, 0.74], 300, noise=0.002)

    def width(sizes):
        low, high = fit_power_law(sizes)[1][-1].interval
        return high - low

    assert width(copied) == pytest.approx(width(sizes), rel=0.1)
    assert width(noisy) > 1.2 * width(sizes)


def test_all_right_is_no_certainty():
    sizes = Sizes(IMAGES, np.ones((40, 4)), np.zeros(4), np.arange(40))
    _, curve = fit_power_law(sizes)
    assert curve[-1].accuracy == 1
    low, high = curve[-1].interval
    assert low < 0.92
    assert high == 1
    assert not falls(sizes)


def test_the_same_seed_gives_the_same():
    sizes = drawn([0.5, 0.6, 0.68, 0.74])
    assert fit_power_law(sizes, seed=3) == fit_power_law(sizes, seed=3)
    assert fit_power_law(sizes, seed=3) != fit_power_law(sizes, seed=4)


def test_a_curve_that_falls():
    assert falls(drawn([0.6, 0.7, 0.8, 0.6]))
    assert falls(drawn([0.8, 0.7, 0.7, 0.7]))
    assert not falls(drawn([0.5, 0.6, 0.7, 0.75]))


def test_chance_alone_rarely_looks_like_falling():
    rng = np.random.default_rng(1)
    found = [falls(drawn([0.6] * 4, 100, rng=rng)) for _ in range(200)]
    assert np.mean(found) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("n", [60, 200, 800])
@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize("sizes", [3, 4])
def test_the_interval_contains_the_truth(n, floor, sizes):
    """In 95% of all sets of images; laws of all kinds."""
    rng = np.random.default_rng(0)
    images = IMAGES[-sizes:]
    found = []
    for number in range(200):
        b = rng.uniform(0.1, 1.0)
        last = rng.uniform(0.05, 0.4)  # error with 16 images, above the floor
        noise = 0.01 / n
        shifts = rng.normal(0, np.sqrt(noise), sizes)
        accuracies = np.clip(
            1 - floor - last * (images / 16) ** -b + shifts, 0.02, 0.999
        )
        measured = drawn(accuracies, n, noise=noise, rng=rng, images=images)
        _, curve = fit_power_law(measured, seed=number)
        low, high = curve[-1].interval
        found.append(low <= 1 - floor - last * 2**-b <= high)
    assert np.mean(found) >= 0.92  # two deviations of chance below 0.95
