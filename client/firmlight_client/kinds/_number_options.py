"""What may be said beside a file of numbers, for one that could be read in several ways."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

LABEL_CHARS_MAX = 1000


class NumberFileParams(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """All optional: whatever a file itself leaves open is asked."""

    column: Annotated[
        Annotated[str, msgspec.Meta(max_length=LABEL_CHARS_MAX)] | int | None,
        msgspec.Meta(
            title="Column", description="The column to read, by its name or its number from 1."
        ),
    ] = None
    decimal: Annotated[
        Literal["point", "comma"] | None,
        msgspec.Meta(
            title="Decimal mark", description="What stands before the decimals of a number."
        ),
    ] = None
    sheet: Annotated[
        Annotated[str, msgspec.Meta(max_length=LABEL_CHARS_MAX)] | int | None,
        msgspec.Meta(
            title="Sheet", description="The sheet of a workbook, by its name or its number from 1."
        ),
    ] = None
    heading: Annotated[
        Literal["yes", "no"] | None,
        msgspec.Meta(title="Heading", description="Whether the first row names the columns."),
    ] = None
