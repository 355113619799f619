"""What `then: stop` of an alarm does: the marker is stopped by the rule's name, once for each time that the alarm opens."""

from __future__ import annotations

from core.site import Site
from marking import alarms, stopping
from marking.alarms import ToStop


def stop_by_alarm(site: Site, exam_id: int, paper: str, group: str, one: ToStop) -> None:
    """Which marks go back is the exam's `put_back`. A marker who is stopped already stays so, and the alarm says no more."""
    stopping.stop(site, exam_id, one.user_id, paper, group, rule=one.rule.name, reason=one.reason, by=f"rule:{one.rule.name}")
    alarms.led_to_stop(site, one.alarm_id)
