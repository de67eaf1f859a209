"""The demo as people see it, and that it would notice a wrong result."""

import os
import subprocess
import sys
from fractions import Fraction

import httpx
import numpy as np
import pytest

from embedded import environment, orphans
from embedded.demo import errands, site
from embedded.demo.errands import WrongResult


def test_the_demo_shows_right_results_in_spite_of_a_killed_worker(tmp_path, static_root):
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in (*environment.DECIDED, "PORT")
    }
    command = [sys.executable, "-m", "embedded", "demo"]
    settings = {**clean, "VAR": str(tmp_path), "STATIC_ROOT": static_root, "NO_COLOR": "1"}
    done = subprocess.run(
        command, env=settings, capture_output=True, text=True, timeout=200, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "999999999999989 × 10000000000000061" in done.stdout
    assert "✗ chloe's worker is killed (SIGKILL)" in done.stdout
    assert "✓ still right: 0 + 1 + … + 399 = 79,800" in done.stdout
    assert {"FACTORIZATION", "MEAN", "CRAWLER", "ECHO"} <= set(done.stdout.split())
    assert not orphans.find(tmp_path / "demo")


def test_a_wrong_factor_is_noticed():
    errand = errands.factorization()
    right = {"factors": [[str(p), 1] for p in errands.PRIMES], "divisors": 4, "proved": True}
    errand.check(right)
    for wrong in ({"factors": [["3", 1]]}, {"divisors": 5}, {"proved": False}):
        with pytest.raises(WrongResult, match="is right"):
            errand.check({**right, **wrong})


def test_a_mean_that_is_off_by_one_bit_is_noticed(tmp_path):
    errand = errands.mean(tmp_path)
    numbers = np.load(errand.file)
    exact = sum(map(Fraction, numbers.tolist()[:1000])) / 1000
    assert exact == Fraction(
        int(np.sum(numbers[:1000] * 1024)), 1024 * 1000
    )  # its numbers are multiples of 1/1024
    right = {"count": errands.NUMBERS, "mean": 491.85421113134765, "variance": 366386607062.8427}
    right |= {"min": float(numbers.min()), "max": float(numbers.max())}
    errand.check(right)
    with pytest.raises(WrongResult, match="mean is"):
        errand.check({**right, "mean": np.nextafter(right["mean"], 0)})


def test_a_crawl_that_ignores_robots_is_noticed():
    errand = errands.crawl("http://127.0.0.1:1")
    good = [{"url": f"http://127.0.0.1:1{path}", "status": 200} for path in site.pages()]
    errand.check({"sites": [{"pages": good}]})
    with pytest.raises(WrongResult, match="/observatory/keys"):
        errand.check(
            {
                "sites": [
                    {
                        "pages": [
                            *good,
                            {"url": "http://127.0.0.1:1/observatory/keys", "status": 200},
                        ]
                    }
                ]
            }
        )


def test_a_sum_with_a_subtask_counted_twice_is_noticed():
    errand = errands.echo()
    errand.check({"count": 400, "sum": 79_800})
    with pytest.raises(WrongResult):
        errand.check({"count": 400, "sum": 79_801})


def test_the_site_has_what_a_crawler_must_cope_with():
    with site.serve() as address, httpx.Client(base_url=address, trust_env=False) as browser:
        assert browser.get("/robots.txt").text == site.ROBOTS
        assert browser.get(site.MISSING).status_code == 404
        assert all(browser.get(path).status_code == 200 for path in site.LINKS)
