"""What a person is told before parts start."""

from __future__ import annotations

from decimal import Decimal

from cadre.domain.estimate import split_text
from cadre.domain.reports import MAX_REPORT_BYTES, Split, SplitPart


def test_nobody_decides_on_parts_that_are_not_shown() -> None:
    size = MAX_REPORT_BYTES // 72
    parts = [SplitPart(title=f"Part {n}", task="x" * size, files=[]) for n in range(1, 64)]
    split = Split(summary="why", parts=parts)
    assert len(split.model_dump_json().encode()) <= MAX_REPORT_BYTES
    text = split_text(split, Decimal(1), Decimal(2))
    assert [part.title for part in parts if f"**{part.title}** {part.task}" not in text] == []
