"""MEAN: count, mean, variance, smallest, largest and a histogram, exact to the last bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, BinaryIO

import msgspec

from firmlight_client.kinds import BadPartial, Kind, ParamsError
from firmlight_client.kinds._exact_sum import exact_sums, from_bytes, mean_of, to_bytes, variance_of
from firmlight_client.kinds._histogram import as_result, histogram, merged
from firmlight_client.kinds._mean_check import check_ends, check_numbers, check_sense
from firmlight_client.kinds._mean_partial import MeanPartial
from firmlight_client.kinds._number_options import NumberFileParams
from firmlight_client.kinds._packed import NUMBER_BYTES, first_not_finite, packed, unpacked

SUBTASK_NUMBERS_MIN, SUBTASK_NUMBERS_MAX = 1024, 2**15  # 8 KiB to 256 KiB of payload
FIRST_SHOWN = 10
SUBTASKS_WANTED = 16  # of a small input, so that several workers share it


class MeanParams(msgspec.Struct, forbid_unknown_fields=True):
    """Many numbers.

    Whatever they came as, `numbers` is packed binary64 (little-endian bytes) afterwards.
    """

    numbers: Annotated[
        Annotated[list[float], msgspec.Meta(min_length=1)]
        | Annotated[
            bytes, msgspec.Meta(description="The same as binary64, little-endian, in base64")
        ],
        msgspec.Meta(
            title="Numbers",
            description="With a decimal point; each is taken as the nearest binary64.",
            examples=[[1, 2.5, -4e3]],
        ),
    ]

    def __post_init__(self) -> None:
        self.numbers = _checked(self.numbers)


def _checked(numbers: list[float] | bytes) -> bytes:
    """The numbers packed. Raises ParamsError unless there is one at least and all are finite."""
    if isinstance(numbers, bytes) and len(numbers) % NUMBER_BYTES:
        raise ParamsError(f"packed numbers take {NUMBER_BYTES} bytes each", "numbers")
    try:
        data = numbers if isinstance(numbers, bytes) else packed(numbers)
    except OverflowError:
        raise ParamsError("a number is beyond the range of binary64", "numbers") from None
    values = unpacked(data)
    if not values.size:
        raise ParamsError("there must be at least one number", "numbers")
    if (bad := first_not_finite(values)) is not None:
        raise ParamsError(f"number {bad + 1} is not finite: {values[bad]}", "numbers")
    return data


class Mean(Kind):
    """Payload: packed binary64; partial: `[count, Σx, Σx², min, max, histogram]`.

    Both sums are exact integers as bytes.
    """

    name, title, version = "MEAN", "Mean and variance of many numbers", "2"
    Params = MeanParams
    Partial = MeanPartial
    file_suffixes = (".csv", ".npy", ".tsv", ".txt", ".xlsx")  # what `_number_files` reads
    FileParams = NumberFileParams
    small = True  # a call with many numbers goes alone: see `firmlight_client.sdk.executor`

    def load_file(
        self,
        file: BinaryIO,
        name: str,
        data: Mapping[str, Any],
        skipped: list[str] | None = None,
        understood: dict[str, Any] | None = None,
    ) -> MeanParams:
        """Read CSV, TSV, text, NPY or XLSX; `_number_files` says how. `data` are NumberFileParams.

        Raises ParamsError; its field is `file`, or the param that has to be given or is wrong.
        """
        from firmlight_client.kinds._number_files import NumberFile

        if "numbers" in data:
            raise ParamsError("give numbers or a file, not both", "numbers")
        found = NumberFile(file, name, self.load_file_params(data))
        if skipped is not None:
            skipped += found.skipped
        if understood is not None:
            understood |= found.understood
        try:
            return MeanParams(numbers=found.numbers)
        except ParamsError as error:
            raise ParamsError(error.message, "file") from None

    def summary(self, params: MeanParams) -> list[tuple[str, str]]:
        values = unpacked(params.numbers)  # type: ignore[arg-type]  # bytes since __post_init__
        first = ", ".join(f"{value:.15g}" for value in values[:FIRST_SHOWN])
        return [
            ("Numbers", f"{values.size:,}"),
            ("The first", first + (", …" if values.size > FIRST_SHOWN else "")),
        ]

    def typed(self, params: MeanParams) -> dict[str, Any]:
        values = unpacked(params.numbers)  # type: ignore[arg-type]  # bytes, as above
        return {"numbers": values.tolist()}

    def split(self, params: MeanParams) -> Iterator[bytes]:
        data = params.numbers
        assert isinstance(data, bytes)  # since __post_init__
        each = _numbers_each(len(data) // NUMBER_BYTES)
        for start in range(0, len(data), each * NUMBER_BYTES):
            yield data[start : start + each * NUMBER_BYTES]

    def run(self, payload: bytes) -> list[Any]:
        values = unpacked(payload)
        total, squares = exact_sums(values)
        # + 0.0 makes -0.0 plain: which of the two comes first must not show
        least, most = float(values.min()) + 0.0, float(values.max()) + 0.0
        return [
            values.size,
            to_bytes(total),
            to_bytes(squares),
            least,
            most,
            histogram(values, least, most),
        ]

    def combine(self, a: list[Any], b: list[Any]) -> list[Any]:
        total, squares = (to_bytes(from_bytes(a[i]) + from_bytes(b[i])) for i in (1, 2))
        least, most = min(a[3], b[3]), max(a[4], b[4])
        return [a[0] + b[0], total, squares, least, most, merged(a[5], b[5], least, most)]

    def check(
        self,
        partial: Sequence[Any],
        subtasks: Sequence[int],
        payloads: Sequence[bytes] | None,
        params: MeanParams,
    ) -> None:
        """Compare it with the numbers, which the params hold; `_mean_check` says how far."""
        values = unpacked(params.numbers)  # type: ignore[arg-type]  # bytes since __post_init__
        each = _numbers_each(values.size)
        check_sense(partial)
        check_numbers(partial, [values[i * each : (i + 1) * each] for i in subtasks])

    def finish(self, partial: Sequence[Any], params: MeanParams) -> dict[str, Any]:
        """The result. Raises BadPartial if it cannot be that of all the numbers."""
        check_ends(partial, [unpacked(params.numbers)])  # type: ignore[arg-type]  # as above
        return _as_result(partial)

    def finish_incomplete(self, partial: Sequence[Any], params: MeanParams) -> dict[str, Any]:
        """The same of some of the numbers: of which is not known here, but not of too many."""
        if partial[0] > (count := len(params.numbers) // NUMBER_BYTES):
            raise BadPartial(f"it counts {partial[0]:,} numbers of {count:,}")
        return _as_result(partial)


def _numbers_each(count: int) -> int:
    """How many of so many numbers one subtask gets; the last one gets what is left."""
    return min(max(-(-count // SUBTASKS_WANTED), SUBTASK_NUMBERS_MIN), SUBTASK_NUMBERS_MAX)


def _as_result(partial: Sequence[Any]) -> dict[str, Any]:
    count, *sums, least, most, bins = partial
    total, squares = map(from_bytes, sums)
    return {
        "count": count,
        "mean": mean_of(count, total),
        "variance": variance_of(count, total, squares),
        "min": least,
        "max": most,
        "histogram": as_result(*bins),
    }
