"""A partial that cannot be right for its subtasks is refused, and every honest one passes."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import pytest

from firmlight_client import kinds
from firmlight_client.kinds import BadPartial, Kind, carried_partial, combine_all
from firmlight_client.kinds.checking import check_places, packed_in_order

PRIMES = "1000000007", "1000000009"
SEMIPRIME = "1000000016000000063"
PARAMS: dict[str, dict[str, Any]] = {
    "ECHO": {"count": 7, "collect": True},
    "FACTORIZATION": {"number": SEMIPRIME},
    "FACTORIZATION[]": {"calls": [{"number": number} for number in ("91", "97", SEMIPRIME)]},
    "MEAN": {"numbers": [0.1 * number for number in range(5000)]},
    "MEAN[]": {"calls": [{"numbers": [1, 2]}, {"numbers": [0.5]}, {"numbers": [7] * 2000}]},
}
every = pytest.mark.parametrize("name", sorted(PARAMS))


class Done:
    """A task of which all subtasks are done."""

    def __init__(self, name: str, params: dict[str, Any] | None = None) -> None:
        self.kind = kinds.get(name)
        self.params = self.kind.load(params or PARAMS[name])
        self.payloads = [kinds.carried(payload) for payload in self.kind.split(self.params)]
        self.partials = [self.kind.run(payload) for payload in self.payloads]

    def of(self, subtasks: Sequence[int]) -> Any:
        """The partial of a lease on these."""
        parts = [carried_partial(self.kind, self.partials[i]) for i in subtasks]
        return carried_partial(self.kind, combine_all(self.kind, copy.deepcopy(parts)))

    def check(self, partial: Any, subtasks: Sequence[int]) -> None:
        given = [self.payloads[i] for i in subtasks] if self.kind.checks_payloads else None
        self.kind.check(carried_partial(self.kind, partial), sorted(subtasks), given, self.params)

    def refuses(self, partial: Any, subtasks: Sequence[int], why: str) -> None:
        with pytest.raises(BadPartial, match=why):
            self.check(partial, subtasks)


def grouped(count: int, chance: random.Random) -> list[list[int]]:
    order = chance.sample(range(count), count)
    cuts = sorted(chance.choices(range(1, count), k=2)) if count > 1 else []
    ends = zip([0, *cuts], [*cuts, count], strict=True)
    return [order[a:b] for a, b in ends if a < b]


@every
def test_what_honest_workers_send_passes_and_has_one_canonical_form(name: str) -> None:
    done, chance = Done(name), random.Random(1)
    whole = done.of(range(len(done.partials)))
    for _ in range(10):
        groups = grouped(len(done.partials), chance)
        for group in groups:
            done.check(done.of(group), group)
        parts = [done.of(group) for group in groups]
        again = carried_partial(done.kind, combine_all(done.kind, parts))
        assert done.kind.canonical(again) == done.kind.canonical(whole)
        assert done.kind.same(again, whole)


@pytest.mark.parametrize("name", sorted(set(PARAMS) - {"FACTORIZATION"}))
def test_a_partial_of_other_subtasks_is_refused(name: str) -> None:
    done = Done(name)
    for i in range(1, len(done.partials)):
        done.refuses(done.partials[i - 1], [i], r".")
        done.refuses(done.of([i - 1, i]), [i], r".")
        done.refuses(done.partials[i], [i - 1, i], r".")
        assert not done.kind.same(done.of([i - 1]), done.of([i]))


@every
def test_a_result_is_made_of_the_whole_task_or_said_to_be_incomplete(name: str) -> None:
    done = Done(name)
    part = done.of([0])
    if name != "FACTORIZATION":
        with pytest.raises(BadPartial):
            done.kind.finish(part, done.params)
    assert done.kind.finish_incomplete(part, done.params)


def test_flags_are_honest() -> None:
    flags = {
        name: (kind.deterministic, kind.proves, kind.checks_payloads)
        for name, kind in kinds.installed().items()
        if name in {*PARAMS, "CRAWLER"}
    }
    assert flags == {
        "CRAWLER": (False, False, False),
        "ECHO": (True, True, False),
        "FACTORIZATION": (False, True, False),
        "FACTORIZATION[]": (False, True, False),
        "MEAN": (True, False, False),
        "MEAN[]": (True, False, False),
    }


def test_what_cannot_be_compared_says_so() -> None:
    names = ("CRAWLER", "FACTORIZATION", "MEAN", "MEAN[]")
    found = {name: kinds.is_comparable(kinds.get(name)) for name in names}
    assert found == {"CRAWLER": False, "FACTORIZATION": True, "MEAN": True, "MEAN[]": True}


class Old(Kind):
    """As kinds were written before they could say how they are checked."""

    name, title, version = "OLD", "Old", "1"

    def split(self, params: Any) -> Any:
        return [1]

    run = combine = finish = split


def test_what_differs_each_time_is_compared_only_by_a_rule_of_its_own() -> None:
    class Moody(Old):
        deterministic = False

    class Lenient(Moody):
        def same(self, a: Any, b: Any) -> bool:
            return True

    assert [kinds.is_comparable(kind()) for kind in (Old, Moody, Lenient)] == [True, False, True]


def test_a_kind_that_says_nothing_is_believed() -> None:
    kind = Old()
    kind.check({"a": 1}, [0], None, None)
    assert (kind.deterministic, kind.proves, kind.checks_payloads) == (True, False, False)
    assert kind.canonical({"b": 1, "a": [2]}) == kind.canonical({"a": [2], "b": 1})
    assert kind.same({"b": 1, "a": 2}, {"a": 2, "b": 1})
    assert not kind.same([1, 2], [2, 1])
    assert not kind.is_decided(1, None)


def test_a_kind_that_decides_without_params_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Entry:
        name = value = "old"

        @staticmethod
        def load() -> type[Kind]:
            return type("Older", (Old,), {"is_decided": lambda self, partial: True})

    monkeypatch.setattr(kinds, "entry_points", lambda **_: [Entry])
    assert kinds.installed.__wrapped__() == {}
    assert "OLD: is_decided takes a partial and the params" in caplog.text


@pytest.mark.parametrize(
    ("places", "why"),
    [
        ([1, 2, 9], "it speaks for subtasks of others: 9"),
        ([1], "it says nothing about subtasks of its own: 2"),
        ([1, 2, 2], "it speaks for a subtask more than once"),
        (range(3, 12), "subtasks of others: 3, 4, 5, 6, 7 and 4 more"),
    ],
)
def test_places_are_those_of_the_lease(places: Sequence[int], why: str) -> None:
    check_places([2, 1], [1, 2])
    with pytest.raises(BadPartial, match=why):
        check_places(places, [1, 2])


def test_packing_sorts_the_keys_of_maps_only() -> None:
    assert packed_in_order({"b": {"d": 1, "c": 2}, "a": 0}) == b"\x82\xa1a\0\xa1b\x82\xa1c\2\xa1d\1"
    assert packed_in_order([2, 1]) == b"\x92\2\1"


# ECHO


def test_an_echo_is_known_exactly() -> None:
    done = Done("ECHO")
    done.refuses([1, 0, [0]], [0, 1], "it counts 1 subtasks of 2")
    done.refuses([2, 4, [1, 2]], [1, 2], "the sum is that of other subtasks")
    done.refuses([2, 3, [0, 3]], [1, 2], "of others: 0, 3")
    done.refuses([2, 3, []], [1, 2], "nothing about")
    silent = Done("ECHO", {"count": 7})
    silent.check([2, 3, []], [1, 2])
    silent.refuses([2, 3, [1, 2]], [1, 2], "of others")


# FACTORIZATION


def test_a_base_of_another_number_or_no_base_is_refused() -> None:
    done = Done("FACTORIZATION", {"number": "720720"})
    (complete,) = range(len(done.partials))
    done.refuses([["7", 1]], [complete], "its product is not 720720")
    done.refuses([["9" * 40, 132]] * 2, [complete], "not in ascending order")
    done.refuses([["3", 132], ["9" * 40, 132]], [complete], "its product is not 720720")
    done.refuses([["7", 1], ["102960", 1]], [complete], "the complete method leaves only primes")
    done.refuses([["102960", 1], ["7", 1]], [complete], "not in ascending order")
    done.refuses([["12", 1], ["60060", 1]], [complete], "have a common one")
    done.refuses([["1", 1], ["720720", 1]], [complete], "1 is no divisor")


def test_a_worker_may_search_as_it_likes_and_the_result_is_proved_all_the_same() -> None:
    """Withholding a divisor costs time; finding one earlier is no lie."""
    done = Done("FACTORIZATION")
    nothing, found = [(SEMIPRIME, 1)], [(prime, 1) for prime in PRIMES]
    for partial in (nothing, found):
        done.check(partial, [1])
        assert done.kind.finish(partial, done.params)["factors"] == [[prime, 1] for prime in PRIMES]
    assert done.kind.same(nothing, found)
    assert done.kind.canonical(nothing) != done.kind.canonical(found)
    done.refuses(nothing, [len(done.partials) - 1], "the complete method leaves only primes")


def test_primes_of_another_number_decide_nothing() -> None:
    done = Done("FACTORIZATION")
    others = [("7", 1), ("13", 1)]
    assert done.kind.is_decided(others, None), "a worker has no params to compare with"
    assert not done.kind.is_decided(others, done.params)
    assert not done.kind.is_decided([("9" * 39, 132)], done.params)
    assert done.kind.is_decided([(prime, 1) for prime in PRIMES], done.params)


# CRAWLER


STARTS = [f"http://site{i}.example/" for i in range(3)]


def page(url: str, status: int = 200) -> dict[str, Any]:
    return {"url": url, "status": status, "title": "t", "links": []}


def site(i: int, *pages: dict[str, Any], start: str = "") -> list[Any]:
    return [i, {"url": start or STARTS[i], "pages": list(pages), "errors": []}]


class Crawl(Done):
    """Sites that nobody crawls."""

    def __init__(self, **params: Any) -> None:
        self.kind = kinds.get("CRAWLER")
        self.params = self.kind.load({"urls": STARTS, "limit": 2, **params})


def test_sites_are_those_that_were_leased_from_where_they_start() -> None:
    crawl = Crawl()
    crawl.check([site(0, page(STARTS[0])), site(2)], [0, 2])
    crawl.refuses([site(0)], [1], "it speaks for subtasks of others: 0")
    crawl.refuses([site(0), site(1)], [1], "of others: 0")
    crawl.refuses([site(0)], [0, 1], "says nothing about subtasks of its own: 1")
    crawl.refuses([site(0), site(0)], [0], "more than once")
    crawl.refuses([site(0, start=STARTS[1])], [0], "site 0 was crawled from another address")


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([page(f"{STARTS[0]}{i}") for i in range(3)], "more pages than were asked for"),
        ([page(STARTS[0]), page(STARTS[0])], "the same page twice"),
        ([page("http://other.example/")], "another host"),
        ([page("ftp://site0.example/")], "the address of a page is none"),
        ([page("HTTP://site0.example/")], "the address of a page is none"),
        ([page(STARTS[0], 404)], "not read with success"),
    ],
)
def test_pages_are_within_what_was_asked_for(pages: list[Any], why: str) -> None:
    Crawl().refuses([site(0, *pages)], [0], why)


def test_another_host_is_fine_where_it_was_asked_for() -> None:
    Crawl(same_host=False).check([site(0, page("http://other.example/"))], [0])


def test_two_crawls_agree_if_they_began_alike_for_pages_change() -> None:
    kind = Crawl().kind
    a, b = [site(0, page(STARTS[0])), site(1)], [site(1), site(0)]
    assert kind.same(a, b)
    assert kind.canonical(a) != kind.canonical(b)
    assert kind.canonical(a) == kind.canonical(a[::-1])
    assert not kind.same(a, [site(0)])
    assert not kind.same(a, [site(0), site(1, start=STARTS[2])])


@pytest.mark.parametrize("partial", [[site(0), site(1)], [site(0), site(1), site(2), site(2)]])
def test_a_result_has_each_site_once(partial: list[Any]) -> None:
    crawl = Crawl()
    with pytest.raises(BadPartial):
        crawl.kind.finish(partial, crawl.params)
    with pytest.raises(BadPartial, match="another address"):
        crawl.kind.finish_incomplete([site(0, start="http://evil.example/")], crawl.params)
    with pytest.raises(BadPartial, match="another address"):
        crawl.kind.finish_incomplete([[7, site(0)[1]]], crawl.params)


# Many calls


def test_calls_are_checked_as_the_kind_checks_each() -> None:
    done = Done("FACTORIZATION[]")
    done.refuses([[0, [["91", 1]]]], [0], "call 1: the complete method leaves only primes")
    done.refuses([[1, [["7", 1], ["13", 1]]]], [1], "call 2: its product is not 97")
    done.refuses([[0, [["7", 1], ["13", 1]]]], [1], "it speaks for subtasks of others: 0")
    with pytest.raises(BadPartial, match="says nothing about"):
        done.kind.finish(done.of([0, 2]), done.params)
    with pytest.raises(BadPartial, match="more than once"):
        done.kind.finish_incomplete(done.of([0]) * 2, done.params)
    with pytest.raises(BadPartial, match="of others: 7"):
        done.kind.finish_incomplete([[7, [["7", 1]]]], done.params)


def test_calls_of_a_kind_that_wants_payloads_get_those_of_each_call() -> None:
    class Doubter(type(kinds.get("ECHO"))):  # type: ignore[misc]  # known when it runs
        checks_payloads = True

        def check(self, partial: Any, subtasks: Any, payloads: Any, params: Any) -> None:
            assert [payload[0] for payload in payloads] == list(subtasks)
            super().check(partial, subtasks, None, params)

    many = kinds.calls.calls_of(Doubter())
    params = many.load({"calls": [{"count": 3}, {"count": 5}]})
    many.check([(1, (5, 10, [])), (0, (3, 3, []))], [0, 1], None, params)
    assert not many.checks_payloads
