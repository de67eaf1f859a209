"""What arrives as a partial is decoded within bounds, or refused as BadPartial."""

from __future__ import annotations

import contextlib
import itertools
import random
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmlight_client import kinds
from firmlight_client.kinds import (
    BadPartial,
    _crawl,
    _crawl_partial,
    _page,
    _web_url,
    decode_partial,
)
from firmlight_client.kinds.crawler import SITE_BYTES_MAX
from firmlight_client.kinds.partials import (
    GENERIC_DEPTH_MAX,
    GENERIC_ELEMENTS_MAX,
    check_generic,
    loose_ends,
)
from tests.client.kinds import steady

encode = msgspec.msgpack.encode
MIB = 2**20
EMPTY_MAPS = b"\xdd" + (8 * MIB - 5).to_bytes(4, "big") + b"\x80" * (8 * MIB - 5)
NAMES = sorted(kinds.installed())


class Bare(kinds.Kind):
    """A kind that says nothing of its partials."""

    name, title, version = "BARE", "Bare", "1"

    def split(self, params: Any) -> Any:
        return []

    run = combine = finish = split


bare = Bare()


def decoded(kind: kinds.Kind, data: bytes) -> Any:
    """The partial, or None if it is refused. Whatever else is raised is a fault."""
    with contextlib.suppress(BadPartial):
        return decode_partial(kind, data)
    return None


@contextlib.contextmanager
def takes_at_most(mib: float) -> Any:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mib * MIB
    finally:
        tracemalloc.stop()


# Attacks


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("FACTORIZATION", [["2", 10**12]]),
        ("FACTORIZATION", [["2", -1]]),
        ("FACTORIZATION", [["2", 0]]),
        ("FACTORIZATION", [["7" * 1000, 1]]),
        ("FACTORIZATION", [["0x10", 1]]),
        ("FACTORIZATION", [["٣", 1]]),
        ("FACTORIZATION", [["7\n", 1]]),
        ("FACTORIZATION", [["7", 1]] * 100),
        ("FACTORIZATION", [["7", 1, 1]]),
        ("FACTORIZATION", [["7"]]),
        ("FACTORIZATION", [[7, 1]]),
        ("FACTORIZATION", []),
        ("FACTORIZATION", {"7": 1}),
        ("FACTORIZATION", None),
        ("FACTORIZATION[]", [[10**6, [["7", 1]]]]),
        ("FACTORIZATION[]", [[0, [["7", 10**12]]]]),
        ("FACTORIZATION[]", [[0, [["7", 1]]]] * 10_001),
        ("MEAN", [1, bytes(MIB), b"\0", 0.0, 0.0, [0, 0, [1]]]),
        ("MEAN", [1, b"\0", bytes(MIB), 0.0, 0.0, [0, 0, [1]]]),
        ("MEAN", [1, b"", b"\0", 0.0, 0.0, [0, 0, [1]]]),
        ("MEAN", [0, b"\0", b"\0", 0.0, 0.0, [0, 0, [1]]]),
        ("MEAN", [1, b"\0", b"\0", float("nan"), 0.0, [0, 0, [1]]]),
        ("MEAN", [1, b"\0", b"\0", 0.0, float("inf"), [0, 0, [1]]]),
        ("MEAN", [1, b"\0", b"\0", 0.0, 0.0, [10**9, 0, [1]]]),
        ("MEAN", [1, b"\0", b"\0", 0.0, 0.0, [0, 2**60, [1]]]),
        ("MEAN", [1, b"\0", b"\0", 0.0, 0.0, [0, 0, [1] * 65]]),
        ("MEAN", [1, b"\0", b"\0", 0.0, 0.0, [0, 0, [2**64 - 1]]]),
        ("MEAN", {"count": 1}),
        ("CRAWLER", [[100, {"url": "u", "pages": [], "errors": []}]]),
        ("CRAWLER", [[0, {"url": "u", "pages": []}]]),
        ("CRAWLER", [[0, {"url": "u", "pages": [{}], "errors": []}]]),
        (
            "CRAWLER",
            [[0, {"url": "u", "pages": [], "errors": [{"url": "u", "reason": "x" * 301}]}]],
        ),
        ("CRAWLER", [[0, {"url": "u" * 10**6, "pages": [], "errors": []}]]),
        ("ECHO", {"count": 1, "sum": 0}),
        ("ECHO", [1, -1, []]),
        ("ECHO", [1, 1, [True]]),
        ("ECHO", [2**63, 1, []]),
    ],
)
def test_what_no_honest_worker_sends_is_refused(name: str, partial: Any) -> None:
    with pytest.raises(BadPartial, match=r"."):
        decode_partial(kinds.get(name), encode(partial))


def test_the_refusal_says_what_is_wrong_and_where() -> None:
    with pytest.raises(BadPartial, match=r"Expected `int` <= 132 - at `\$\[0\]\[1\]`"):
        decode_partial(kinds.get("FACTORIZATION"), encode([["2", 10**12]]))


HEADERS = {
    "a list of 2^32": b"\xdd\xff\xff\xff\xff",
    "a map of 2^32": b"\xdf\xff\xff\xff\xff",
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "bytes of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "an extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "lists in lists": b"\xdd\x00\x01\x00\x00" * 10_000,
    "deep": b"\x91" * 100_000 + b"\x90",
    "deep maps": b"\x81\xa1a" * 100_000 + b"\x80",
    "8 MiB of empty maps": EMPTY_MAPS,
    "8 MiB of empty lists": EMPTY_MAPS[:5] + b"\x90" * (8 * MIB - 5),
    "an extension": b"\xd4\x05a",
    "a timestamp": b"\xd6\xff\x00\x00\x00\x01",
    "no byte": b"",
    "no first byte": b"\xc1",
    "text that is no UTF-8": b"\xa2\xff\xfe",
    "a surrogate": b"\xa3\xed\xa0\x80",
    "too much": b"\x90\x90",
    "a map as a key": b"\x81\x80\x01",
    "a list as a key": b"\x81\x91\x01\x01",
    "a number as a key": b"\x81\x01\x01",
}
headers = pytest.mark.parametrize("data", HEADERS.values(), ids=list(HEADERS))


@headers
@pytest.mark.parametrize("name", ["BARE", *NAMES])
def test_an_absurd_header_is_refused_before_memory_is_taken(name: str, data: bytes) -> None:
    kind = bare if name == "BARE" else kinds.get(name)
    for around in (
        lambda inner: inner,
        lambda inner: b"\x93\x01\x01" + inner,
        lambda inner: b"\x91\x92\x00" + inner,
    ):
        attack = around(data)
        with takes_at_most(1):
            assert decoded(kind, attack) is None


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    count: int


def test_the_refusal_quotes_nothing_that_a_database_cannot_keep() -> None:
    class Plug(Bare):
        name, Partial = "PLUG", Strict

    with pytest.raises(BadPartial, match="unknown field") as caught:
        decode_partial(Plug(), msgspec.msgpack.encode({"count": 1, "a\0b": 2}))
    assert "\0" not in str(caught.value)


def test_a_key_that_comes_twice_counts_once() -> None:
    assert decode_partial(bare, b"\x82\xa1a\x01\xa1a\x02") == {"a": 2}


# Generic limits

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
values = st.recursive(
    leaves | st.lists(st.integers(0, 9), min_size=16),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@settings(steady, max_examples=100)
@given(values)
def test_without_a_partial_whatever_may_travel_comes_through(value: Any) -> None:
    assert decode_partial(bare, encode(value)) == value


@settings(steady, max_examples=100)
@given(values.map(encode), st.randoms(use_true_random=False))
def test_what_is_no_messagepack_is_refused_and_never_raises(
    data: bytes, chance: random.Random
) -> None:
    for wrong in (data[:-1], data + b"\x01", *(mutated(data, chance) for _ in range(20))):
        try:
            msgspec.msgpack.decode(wrong)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            assert decoded(bare, wrong) is None
        else:
            decoded(bare, wrong)


def test_the_limits_are_the_limits() -> None:
    assert decode_partial(bare, encode(nested(1, GENERIC_DEPTH_MAX))) == nested(
        1, GENERIC_DEPTH_MAX
    )
    most = [0] * (GENERIC_ELEMENTS_MAX - 1)  # the list counts, too
    assert decode_partial(bare, encode(most)) == most
    for too_much in (
        nested(1, GENERIC_DEPTH_MAX + 1),
        [0] * GENERIC_ELEMENTS_MAX,
        ["a"] * GENERIC_ELEMENTS_MAX,
    ):
        with pytest.raises(BadPartial, match=r"nested deeper|more than"):
            decode_partial(bare, encode(too_much))


def test_no_more_is_looked_at_than_may_be_there() -> None:
    """The cost of refusing ends at the limit, however much follows."""
    one = _looks(
        b"\xdd"
        + struct.pack(">I", 2 * GENERIC_ELEMENTS_MAX)
        + b"\xa1x" * (2 * GENERIC_ELEMENTS_MAX)
    )
    two = _looks(
        b"\xdd"
        + struct.pack(">I", 4 * GENERIC_ELEMENTS_MAX)
        + b"\xa1x" * (4 * GENERIC_ELEMENTS_MAX)
    )
    assert one == two <= GENERIC_ELEMENTS_MAX + 10


def _looks(data: bytes) -> int:
    class Counted(bytes):
        looks = 0

        def __getitem__(self, place: Any) -> Any:
            Counted.looks += 1
            return super().__getitem__(place)

    with pytest.raises(BadPartial, match="more than"):
        check_generic(Counted(data))
    return Counted.looks


# What the kinds that come along declare


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_that_comes_along_bounds_all_of_its_partials(name: str) -> None:
    partial = kinds.get(name).Partial
    assert partial is not None
    assert loose_ends(partial) == []


class Chain(msgspec.Struct):
    next: Chain | None = None  # type: ignore[name-defined]  # a type that holds itself


def test_a_type_that_holds_itself_is_a_loose_end() -> None:
    assert loose_ends(Chain) == ["Chain holds itself"]


def test_the_calls_of_a_kind_without_a_partial_have_none_either() -> None:
    small = type("Small", (Bare,), {"small": True, "Params": kinds.get("FACTORIZATION").Params})
    from firmlight_client.kinds.calls import calls_of

    assert calls_of(small()).Partial is None


def test_the_largest_crawl_fits_its_type() -> None:
    assert _crawl_partial.LINKS_MAX == _page.LINKS_PER_PAGE_MAX
    assert _crawl_partial.ERRORS_MAX == _crawl.ERRORS_MAX + _crawl.NOTES_MAX + 1
    assert _crawl_partial.REASON_CHARS_MAX == _crawl.REASON_CHARS_MAX
    assert _crawl_partial.URL_CHARS_MAX == _web_url.URL_CHARS_MAX
    assert _crawl_partial.TITLE_CHARS_MAX == _page.TITLE_CHARS_MAX
    address = "http://h/" + "x" * (_web_url.URL_CHARS_MAX - 9)
    links = [address] * (SITE_BYTES_MAX // 2 // _web_url.URL_CHARS_MAX)
    pages = [
        {"url": address, "status": 200, "title": "t" * 200, "links": links[at : at + 1000]}
        for at in (0, 1000, 2000)
    ]
    pages += [{"url": "http://h/", "status": 200, "title": "", "links": []}] * (
        _crawl_partial.PAGES_MAX - 3
    )
    errors = [{"url": address, "reason": "r" * 300}] * _crawl_partial.ERRORS_MAX
    site = {"url": address, "pages": pages, "errors": errors}
    crawler = kinds.get("CRAWLER")
    assert decode_partial(crawler, encode([[0, site]])) == [(0, site)]
    small = {"url": address, "pages": [], "errors": []}
    everywhere = kinds.combine_all(crawler, [[(n, small)] for n in range(_crawl_partial.URLS_MAX)])
    assert kinds.carried_partial(crawler, everywhere) == everywhere


def test_the_largest_sums_fit_their_type() -> None:
    """As many numbers as there may be, all of them the largest there is."""
    from firmlight_client.kinds import _exact_sum, _mean_partial

    count = 2**_mean_partial.COUNT_BITS - 1
    largest = (2**53 - 1) << 971 + _exact_sum.UNIT_BITS
    sums = [_exact_sum.to_bytes(sign * count * largest) for sign in (1, -1)]
    assert [len(data) for data in sums] == [_mean_partial.SUM_BYTES_MAX] * 2
    assert len(_exact_sum.to_bytes(count * largest**2)) == _mean_partial.SQUARES_BYTES_MAX


def test_more_divisors_than_a_number_can_have_are_refused() -> None:
    from firmlight_client.kinds import factorization

    primes, number = itertools.count(2), 1
    for found in range(factorization.DIVISORS_MAX + 1):
        number *= next(n for n in primes if all(n % divisor for divisor in range(2, n)))
        assert (number > factorization.NUMBER_MAX) == (found == factorization.DIVISORS_MAX)
    assert (
        2**factorization.EXPONENT_MAX
        <= factorization.NUMBER_MAX
        < 2 ** (factorization.EXPONENT_MAX + 1)
    )


numbers = (
    st.integers(2, 10**6) | st.integers(2, 10**13) | st.sampled_from([10**40, 2**132, 6469693230])
)
floats = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50)
PARAMS: dict[str, st.SearchStrategy[Any]] = {
    "FACTORIZATION": st.builds(lambda n: {"number": n}, numbers),
    "FACTORIZATION[]": st.builds(
        lambda ns: {"calls": [{"number": n} for n in ns]}, st.lists(numbers, min_size=1, max_size=5)
    ),
    "MEAN": st.builds(
        lambda row: {"numbers": row},
        floats | st.sampled_from([[1.7976931348623157e308] * 3000, [5e-324]]),
    ),
    "MEAN[]": st.builds(
        lambda rows: {"calls": [{"numbers": row} for row in rows]},
        st.lists(floats, min_size=1, max_size=5),
    ),
    "ECHO": st.builds(lambda n, c: {"count": n, "collect": c}, st.integers(1, 40), st.booleans()),
}
Drawn = tuple[Any, list[Any], random.Random]


def about(name: str) -> Callable[[Any], Any]:
    """Give a test params of this kind, its honest partials, and a source of chance."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Drawn:
        kind = kinds.get(name)
        params = kind.load(draw(PARAMS[name]))
        payloads = list(itertools.islice(kind.split(params), 12))
        return (
            params,
            [kind.run(kinds.carried(payload)) for payload in payloads],
            draw(st.randoms(use_true_random=False)),
        )

    return lambda check: settings(steady, max_examples=60)(given(drawn())(check))


@pytest.mark.parametrize("name", sorted(PARAMS))
def test_whatever_is_computed_and_combined_fits_and_comes_back_the_same(name: str) -> None:
    kind = kinds.get(name)

    @about(name)
    def check(drawn: Drawn) -> None:
        params, partials, chance = drawn
        row = [kinds.carried_partial(kind, partial) for partial in partials]
        while len(row) > 1:
            chance.shuffle(row)
            row = [kinds.carried_partial(kind, kind.combine(row[0], row[1])), *row[2:]]
        again = kinds.carried_partial(kind, row[0])
        assert again == row[0]
        json = msgspec.json.encode
        if len(partials) == len(list(kind.split(params))):
            whole = kinds.whole_partial(kind, params)
            assert json(kind.finish(again, params)) == json(kind.finish(whole, params))

    check()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes other than they were, cut out, doubled, or with an odd value put in."""
    wrong = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(wrong) + 1)
        how = chance.randrange(4)
        if how == 0 and at < len(wrong):
            wrong[at] = chance.randrange(256)
        elif how == 1:
            del wrong[at : at + chance.randint(1, 8)]
        elif how == 2:
            wrong[at:at] = wrong[at : at + chance.randint(1, 8)]
        else:
            odd = [
                None,
                -1,
                0,
                2**63,
                2**64 - 1,
                float("nan"),
                float("inf"),
                "",
                "9" * 41,
                b"\xff" * 200,
                [],
                {},
                [[]],
            ]
            wrong[at:at] = encode(chance.choice(odd))
    return bytes(wrong)


@pytest.mark.parametrize("name", sorted(PARAMS))
def test_whatever_is_changed_is_refused_or_harmless(name: str) -> None:
    """It may make no result, and says so with an ordinary exception; `check` has but one."""
    kind = kinds.get(name)

    @about(name)
    def check(drawn: Drawn) -> None:
        params, partials, chance = drawn
        for partial in partials:
            for _ in range(20):
                wrong = decoded(kind, mutated(encode(partial), chance))
                if wrong is None:
                    continue
                assert isinstance(kind.canonical(wrong), bytes)
                with contextlib.suppress(BadPartial):
                    kind.check(wrong, range(len(partials)), None, params)
                with contextlib.suppress(ArithmeticError, LookupError, TypeError, ValueError):
                    kind.is_decided(wrong, params)
                    kind.finish(kind.combine(kinds.carried_partial(kind, partial), wrong), params)

    check()


def test_well_formed_lies_about_a_factorization_cost_no_time() -> None:
    """Each divisor and each exponent may be; their product has a hundred thousand digits."""
    kind = kinds.get("FACTORIZATION")
    lies = decode_partial(kind, encode([["9" * 40, 132]] * 26))
    with pytest.raises(ValueError, match="of no number"):
        kind.combine(lies, decode_partial(kind, encode([["3", 1]])))
