"""What leaders and arbiters do between their marks: resolve problems, look over marks, stop a marker and let him go on, agree seeds.

Each is sent until it is answered, as a mark is. A leader has one marker stopped at a time, and lifts that stop before the next.
"""

from __future__ import annotations

from typing import Any

import httpx

from benchmarks.chaos_marking_browser import IDLE, MARKING, QUALITY, Browser, Sending
from benchmarks.chaos_marking_exam import KINDS, WATCHED, halves

SHARE = 0.4  # of all that a leader does
OUTCOMES = ("confirm", "confirm", "correct", "send_back")
SINCE = ("last_passed_seed", "today", "never")
MOST_SEEDS = 2  # an arbiter agrees while marking goes on
MOST_STOPS = 4  # of a leader: each opens again what was agreed, and a round must end


def lead(browser: Browser, client: httpx.Client) -> float:
    chance = browser.dice.random()
    if chance < 0.35 or not browser.may_reopen:
        return _resolve(browser, client)
    if chance < 0.75:
        return _look(browser, client)
    if browser.member.kind == "arbiter":
        return _agree(browser, client)
    return _lift(browser, client) if browser.stopped else _stop(browser, client)


def _resolve(browser: Browser, client: httpx.Client) -> float:
    reply = browser.get(client, f"{MARKING}/problems")
    if reply is None:
        return browser.wait()
    found = reply[1].get("problems", [])
    if not found:
        return browser.pause()
    problem, key = browser.dice.choice(found), browser.new_key()
    body: dict[str, Any] = {"key": key, "action": "back"}
    if browser.dice.random() < 0.4:
        body = {"key": key, "action": "mark", "marks": browser.marks(problem["group"])}
    return browser.begin(client, Sending("resolve", f"{MARKING}/problems/{problem['id']}/resolve", body, key))


def _look(browser: Browser, client: httpx.Client) -> float:
    reply = browser.post(client, f"{QUALITY}/looks", {"paper": "M", "group": browser.dice.choice(WATCHED)})
    if reply is None:
        return browser.wait()
    look = reply[1].get("look")
    if look is None or not browser.may_reopen:
        return browser.pause()
    key, outcome = browser.new_key(), browser.dice.choice(OUTCOMES)
    body: dict[str, Any] = {"outcome": outcome, "note": "seen"}
    if outcome == "correct":
        body |= {"key": key, "marks": browser.marks(look["group"])}
    about = {"mark": look["mark"], "outcome": outcome}
    return browser.begin(client, Sending("look", f"{QUALITY}/looks/{look['mark']}", body, key, about=about))


def _stop(browser: Browser, client: httpx.Client) -> float:
    """What would happen, then that; refused where it has changed meanwhile."""
    if browser.stops >= MOST_STOPS:
        return browser.pause()
    marker, group = browser.dice.randrange(KINDS.count("marker")) + 1, browser.dice.choice(WATCHED)
    asked = {"paper": "M", "group": group, "marker": marker, "since": browser.dice.choice(SINCE)}
    reply = browser.post(client, f"{QUALITY}/stop/preview", asked)
    if reply is None:
        return browser.wait()
    status, shown = reply
    if status != 200:
        browser.note(unexpected=f"preview: {status} {shown}")
        return IDLE
    if not browser.may_reopen:
        return browser.pause()
    browser.stopped, browser.stops = (marker, group), browser.stops + 1
    body = {**asked, "reason": "to see", "newest": shown["newest"], "digest": shown["digest"]}
    return browser.begin(client, Sending("stop", f"{QUALITY}/stop", body, browser.new_key(), about={"marker": marker, "group": group}))


def _lift(browser: Browser, client: httpx.Client) -> float:
    if browser.stopped is None:
        return browser.pause()
    (marker, group), browser.stopped = browser.stopped, None
    body = {"paper": "M", "group": group, "marker": marker}
    return browser.begin(client, Sending("lift", f"{QUALITY}/stop/lift", body, browser.new_key(), about={"marker": marker, "group": group}))


def _agree(browser: Browser, client: httpx.Client) -> float:
    """One more seed, of the responses that nobody has marked."""
    group = browser.dice.choice(WATCHED)
    if browser.seeds >= MOST_SEEDS:
        return browser.pause()
    reply = browser.get(client, f"{QUALITY}/seeds/candidates", paper="M", group=group, limit=1)
    if reply is None:
        return browser.wait()
    found = reply[1].get("responses", [])
    if not found or not browser.may_reopen:
        return browser.pause()
    browser.seeds += 1
    response = found[0]["response"]
    body = {"response": response, "use": "live", "marks": halves(group)}
    about = {"response": response, "group": group}
    return browser.begin(client, Sending("seed", f"{QUALITY}/seeds", body, browser.new_key(), about=about))
