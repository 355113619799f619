"""One marker's hours are those of the marks, counted from the database on either kind."""

from dataclasses import replace
from typing import Any

from marking.marker_hours import marker_hours
from tests.marking.conftest import OpenHall
from tests.marking.exams import Hall
from tests.marking.test_alarms import pairs
from tests.marking.watched_exam import make_responses, write_check, write_marks


def hours_of(hall: Hall, user: int) -> dict[str, Any]:
    with hall.site.database.read() as session:
        return marker_hours(session, hall.exam_id, "M", hall.definition.papers[0].written[0], user)


def test_a_markers_hours_are_those_of_the_marks(open_anywhere: OpenHall) -> None:
    hall = open_anywhere(sweep=False)
    one, two, nobody = (hall.person("marker") for _ in range(3))
    marks = pairs(make_responses(hall, 6), one, two, 100, seconds=20)
    again = [replace(m, id=m.id + 100, purpose="self", hour=2, milliseconds=5000) for m in marks[:4]]
    void = replace(marks[5], id=200, task=marks[5].task + 1, marker=nobody, state="void", hour=1)
    write_marks(hall, [*marks, *again, void])
    write_check(hall, again[1], {"21": 0}, "self", passed=True)
    shown = hours_of(hall, two)
    first, second = shown["hours"]
    assert (first["whole"]["n"], first["whole"]["seconds"]) == (6, 20.0)
    assert (second["whole"]["n"], second["whole"]["seconds"]) == (2, 5.0)
    assert (first["items"]["21"]["pairs"], first["items"]["21"]["exact"], first["items"]["21"]["adjacent"]) == (6, 0.0, 1.0)
    assert (second["items"]["21"]["mean"], second["items"]["21"]["self_consistency"]) == (None, 1.0)
    assert shown["spread"] == {"21": [0, 0, 0, 2, 1, 1, 1, 1, 0, 0, 0]}
    assert hours_of(hall, nobody) == {"hours": [], "spread": {"21": [0] * 11}}
    assert hours_of(hall, nobody + 1)["hours"] == []
