"""The chief examiners' work before marking: of each item group some responses get definitive marks, to learn on and to check with.

What they agree is what the simulation knows as each response's definitive mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from api.rehearsal.crew import typed
from api.rehearsal.exam import ITEMS, PAPER, TRIAL, Person
from api.rehearsal.markers import definitive
from core.site import Site
from core.states import SeedUse
from core.tables import Candidate, Response, Script, Seed
from marking import seeds

TRIALS = 3 * TRIAL  # more than anybody needs: nobody learns on an answer of an excluded school
FEWEST, MOST = 8, 80  # live seeds of an item group
SHARE = 10  # one in so many responses, between the two


@dataclass(frozen=True, slots=True)
class Seeding:
    site: Site
    exam_id: int
    chiefs: Mapping[str, int]  # by item group: the user who enters what was agreed
    responses: int  # of an item group
    seed: int

    @classmethod
    def of(cls, site: Site, exam_id: int, people: list[Person], ids: Mapping[str, int], responses: int, seed: int) -> Seeding:
        chiefs = {p.group: ids[p.login] for p in reversed(people) if p.role == "arbiter"}
        return cls(site, exam_id, chiefs, responses, seed)

    def run(self, update: Callable[[int, int], None]) -> int:
        """Whatever is not there yet; how many seeds there are."""
        live = max(FEWEST, min(MOST, self.responses // SHARE))
        wanted = [(group, use, n) for group in ITEMS for use, n in ((SeedUse.TRIAL, TRIALS), (SeedUse.LIVE, live))]
        total, done = sum(n for _, _, n in wanted), 0
        for group, use, n in wanted:
            there = self._there(group, use)
            while there < n:
                there += self._some(group, use, min(n - there, seeds.MOST))
                update(done + there, total)
            done += n
        return total

    def _some(self, group: str, use: SeedUse, n: int) -> int:
        chief = self.chiefs[group]
        found = seeds.candidates(self.site, self.exam_id, chief, PAPER, group, n)
        rows = self._rows([one.response for one in found])
        for one in found:
            agreed = int(definitive(self.seed, [rows[one.response]], ITEMS[group])[0])
            values = {ITEMS[group].id: typed(agreed, ITEMS[group])}
            seeds.propose(self.site, self.exam_id, chief, one.response, use, values, "what the chief examiners agreed")
        return len(found)

    def _there(self, group: str, use: SeedUse) -> int:
        mine = Seed.exam_id == self.exam_id, Seed.group == group, Seed.use == use
        with self.site.database.read() as session:
            return session.scalar(select(func.count(Seed.id)).where(*mine)) or 0

    def _rows(self, responses: list[int]) -> dict[int, int]:
        query = (
            select(Response.id, Candidate.row)
            .join(Script, Script.id == Response.script_id)
            .join(Candidate, Candidate.id == Script.candidate_id)
        )
        with self.site.database.read() as session:
            return dict(session.execute(query.where(Response.id.in_(responses))).all())
