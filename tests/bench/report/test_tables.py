"""Tables of Markdown are read as they are written."""

from bench.report import tables


def test_the_cells_of_a_table_are_found_by_its_headings():
    text = (
        "words\n| what | ratio | ratio |\n|---|---|---|\n| insert | 0.9 | 0.5 |\n\n| other |\n|---|\n| 1,608 a second |"
    )
    assert list(tables.rows(text)) == [{"what": "insert", "ratio": "0.9"}, {"other": "1,608 a second"}]
    assert tables.number("1,608 a second") == 1608
    assert tables.number("none") is None
