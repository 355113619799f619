"""The reports' words in both languages, and numbers as people read them."""

from __future__ import annotations

from fractions import Fraction

from core.exam import Language, Text, from_hundredths
from scoring.records import ScoreRecord

_WORDS: dict[str, tuple[str, str]] = {
    "report": ("成绩报告", "Score report"),
    "release": ("第 {n} 号发布", "Release {n}"),
    "draft": ("草稿 · 未发布", "Draft · not released"),
    "digest": ("成绩摘要", "Digest of the scores"),
    "signed": ("签署", "Signed"),
    "candidates": ("报名人数", "Candidates"),
    "n": ("有成绩", "Scored"),
    "absent": ("缺考", "Absent"),
    "blank": ("白卷", "Blank"),
    "present": ("参考", "Present"),
    "withheld": ("成绩暂缓", "Withheld"),
    "malpractice": ("违纪", "Malpractice"),
    "voided": ("作废", "Voided"),
    "mean": ("平均分", "Mean"),
    "sd": ("标准差", "SD"),
    "maximum": ("最高分", "Highest"),
    "minimum": ("最低分", "Lowest"),
    "median": ("中位数", "Median"),
    "alpha": ("信度 α", "Reliability α"),
    "full": ("满分", "Full marks"),
    "rates": ("四率", "Rates"),
    "excellent": ("优秀率", "Excellent"),
    "good": ("良好率", "Good"),
    "passed": ("及格率", "Passed"),
    "low": ("低分率", "Low"),
    "distribution": ("分数分布", "Distribution of scores"),
    "bands": ("一分一段表", "Scores mark by mark"),
    "score": ("分数", "Score"),
    "count": ("人数", "Candidates"),
    "cumulative": ("累计人数", "Cumulative"),
    "share": ("累计比例", "Cumulative share"),
    "items": ("小题分析", "Items"),
    "paper": ("科目", "Paper"),
    "item": ("题号", "Item"),
    "kind": ("题型", "Kind"),
    "objective": ("客观", "objective"),
    "written": ("主观", "written"),
    "facility": ("难度 p", "Facility p"),
    "discrimination": ("区分度 D", "Discrimination D"),
    "rest": ("题总相关 r", "Item-rest r"),
    "alpha_without": ("删除后 α", "α without"),
    "rating": ("评价", "Rating"),
    "very good": ("优良", "very good"),
    "good item": ("良好", "good"),
    "revise": ("需修改", "revise"),
    "reject": ("淘汰", "reject"),
    "options": ("选项人数", "Options chosen"),
    "key": ("答案", "Key"),
    "empty": ("空", "blank"),
    "laws": ("核验", "Verification"),
    "law": ("定律", "Law"),
    "holds": ("成立", "holds"),
    "fails": ("不成立", "does not hold"),
    "checked": ("已核对", "Checked"),
    "finding": ("结果", "Finding"),
    "number": ("考号", "Number"),
    "name": ("姓名", "Name"),
    "school": ("学校", "School"),
    "class": ("班级", "Class"),
    "status": ("状态", "Status"),
    "total": ("总分", "Total"),
    "exact": ("精确总分", "Exact total"),
    "slip": ("成绩单", "Score slip"),
    "marks": ("得分", "Marks"),
    "answer": ("作答", "Answer"),
    "scores": ("成绩", "Scores"),
    "item scores": ("小题分", "Item scores"),
    "item statistics": ("题目分析", "Item statistics"),
    "sheet bands": ("一分一段", "Distribution"),
    "other": ("English", "中文"),
    "note": (
        "总分由各小题的精确得分相加，只在最后四舍五入一次。区分度取总分前后各 27%。",
        "A total is the sum of exact item marks, rounded once, half up. Discrimination compares the top and bottom 27 %.",
    ),
    "checkable": (
        "本成绩单与第 {n} 号发布的成绩摘要一致，可凭摘要核验。",
        "This slip is part of release {n} and can be checked against its digest.",
    ),
}


def word(name: str, language: Language) -> str:
    zh, en = _WORDS[name]
    return zh if language == "zh" else en


def both(name: str) -> str:
    """For a sheet or a slip that serves both languages at once."""
    zh, en = _WORDS[name]
    return f"{zh} {en}"


def text(value: Text, language: Language) -> str:
    return value[language]


def rating_word(rating: str | None, language: Language) -> str:
    return "–" if rating is None else word("good item" if rating == "good" else rating, language)


def marks_of(value: tuple[int, int]) -> str:
    """An exact mark as people read it: 3.33 where it does not end."""
    exact = Fraction(*value)
    if exact.denominator == 1:
        return from_hundredths(exact.numerator)
    return f"{float(exact) / 100:.3f}".rstrip("0").rstrip(".")


def score_text(record: ScoreRecord | None, language: Language) -> str:
    """The published score, or the status where there is none."""
    if record is None:
        return ""
    if record.published is None:
        return word(record.status, language)
    return from_hundredths(record.published)
