"""What reconciliation calls things, in both languages."""

from __future__ import annotations

from core.exam import Language, Text

_WORDS: dict[str, Text] = {
    "summary": Text(zh="汇总", en="Summary"),
    "rooms": Text(zh="考场", en="Rooms"),
    "seats": Text(zh="未平座位", en="Seats that do not balance"),
    "paper": Text(zh="科目", en="Paper"),
    "school_code": Text(zh="学校代码", en="School code"),
    "school": Text(zh="学校", en="School"),
    "room": Text(zh="考场", en="Room"),
    "seat": Text(zh="座位", en="Seat"),
    "number": Text(zh="考号", en="Number"),
    "name": Text(zh="姓名", en="Name"),
    "stand": Text(zh="状态", en="Stands as"),
    "sheets": Text(zh="已到的卡和面（括号内为卡上所印考号）", en="Sheets and sides here (in brackets: the number printed on the sheet)"),
    "cases": Text(zh="待处理", en="Open on the desk"),
    "expected": Text(zh="应到", en="Expected"),
    "present": Text(zh="实到", en="Present"),
    "complete": Text(zh="齐全", en="Complete"),
    "incomplete": Text(zh="缺面（已认可）", en="Incomplete (accepted)"),
    "arriving": Text(zh="未齐", en="Sides to come"),
    "absent": Text(zh="缺考", en="Absent"),
    "absent_box": Text(zh="缺考（卡上标记）", en="Absent (box)"),
    "absent_person": Text(zh="缺考（人工认定）", en="Absent (by a person)"),
    "withheld": Text(zh="暂扣", en="Withheld"),
    "missing": Text(zh="缺卷", en="Missing"),
    "unclear": Text(zh="身份待定", en="Unclear"),
    "extra": Text(zh="多卷", en="Extra"),
    "waiting": Text(zh="待处理", en="Open cases"),
    "balances": Text(zh="已平", en="Balances"),
    "closed": Text(zh="已关闭", en="Closed"),
    "changed": Text(zh="关闭后有变动", en="Changed since closing"),
    "open": Text(zh="未关闭", en="Open"),
    "closed_by": Text(zh="关闭人", en="Closed by"),
    "closed_rooms": Text(zh="已关闭考场", en="Rooms closed"),
    "reason": Text(zh="理由", en="Reason"),
    "total": Text(zh="合计", en="Total"),
    "nowhere": Text(zh="（考场不明）", en="(room unknown)"),
    "yes": Text(zh="是", en="yes"),
    "no": Text(zh="否", en="NO"),
}
_CASES: dict[str, Text] = {
    "unreadable": Text(zh="无法读取", en="unreadable"),
    "registration": Text(zh="定位失败", en="not registered"),
    "blank": Text(zh="空白页", en="blank page"),
    "foreign": Text(zh="不属于本次考试", en="foreign page"),
    "code_unknown": Text(zh="页码无法识别", en="page code unknown"),
    "page_twice": Text(zh="同一面扫描两次", en="side scanned twice"),
    "doubt": Text(zh="答案存疑", en="answers in doubt"),
    "paper_type": Text(zh="试卷类型存疑", en="paper type in doubt"),
    "choice": Text(zh="选做题存疑", en="choice in doubt"),
    "absent_box": Text(zh="缺考标记存疑", en="absent box in doubt"),
    "facts_disagree": Text(zh="考生身份不一致", en="identity disagrees"),
    "candidate_unknown": Text(zh="考生身份不明", en="candidate unknown"),
    "not_in_roster": Text(zh="不在考生名单中", en="not in the roster"),
    "candidate_twice": Text(zh="同一考生两张同号卡", en="candidate has it twice"),
    "absent_but_answered": Text(zh="标缺考但有作答", en="absent, but answered"),
    "blank_but_present": Text(zh="未标缺考但全空白", en="present, but blank"),
    "page_missing": Text(zh="缺少一面", en="side missing"),
    "script_missing": Text(zh="缺少答卷", en="script missing"),
}


def word(name: str, language: Language) -> str:
    return _WORDS[name][language]


def case_word(kind: str, language: Language) -> str:
    return _CASES[kind][language] if kind in _CASES else kind
