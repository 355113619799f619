"""The page that explains the tables says what the program does."""

from marking.explain import BEGIN, END, PAGE, TITLES, tables, written
from marking.schemes import TABLES


def test_the_page_holds_the_tables_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert BEGIN in page
    assert END in page
    assert written(page) == page, "run: python -m marking.explain"


def test_every_table_is_on_the_page() -> None:
    assert set(TITLES) == set(TABLES)
    assert all(f"### {title}" in tables() for title in TITLES.values())
