"""What checking one of the laws Z1-Z8 gives: does it hold, over how many records, and if not, the first offenders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.exam import Text

LawName = Literal["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7", "Z8"]
NAMES: dict[LawName, Text] = {
    "Z1": Text(zh="图像守恒", en="frames"),
    "Z2": Text(zh="答题卡齐全", en="sheets"),
    "Z3": Text(zh="身份双重印证", en="identity"),
    "Z4": Text(zh="客观题答案", en="answers"),
    "Z5": Text(zh="主观题得分", en="marks"),
    "Z6": Text(zh="独立盲评", en="blind marking"),
    "Z7": Text(zh="两路合分一致", en="totals"),
    "Z8": Text(zh="账本完整", en="ledger"),
}
SHOWN = 5


@dataclass(frozen=True, slots=True)
class LawResult:
    law: LawName
    name: Text
    holds: bool
    checked: int
    detail: Text

    def as_json(self) -> dict[str, Any]:
        return {
            "law": self.law,
            "name": self.name.model_dump(),
            "holds": self.holds,
            "checked": self.checked,
            "detail": self.detail.model_dump(),
        }


@dataclass(slots=True)
class Findings:
    """Offenders, counted all and kept the first few, in both languages."""

    law: LawName
    count: int = 0
    first: list[Text] = field(default_factory=list)

    def fault(self, *, zh: str, en: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(Text(zh=zh, en=en))

    def result(self, checked: int, *, zh: str, en: str) -> LawResult:
        """`zh` and `en` say what was checked; offenders follow."""
        if self.count:
            zh = f"{zh}。{self.count} 处不符：" + "；".join(t.zh for t in self.first)
            en = f"{en}. {self.count} {'offence' if self.count == 1 else 'offences'}: " + "; ".join(t.en for t in self.first)
            if self.count > len(self.first):
                zh, en = f"{zh}；……", f"{en}; ..."
        return LawResult(self.law, NAMES[self.law], not self.count, checked, Text(zh=zh, en=en))
