"""What the demo says, in both languages."""

from __future__ import annotations

from core.exam import Language, Text

WORDS: dict[str, Text] = {
    "title": Text(zh="Markhall 示范：从空白答题卡到可验证的成绩", en="Markhall demo: from a blank sheet to verified scores"),
    "load": Text(zh="载入考试定义和考生名册", en="Loading the exam definition and the roster"),
    "print": Text(zh="排版并打印答题卡", en="Laying out and printing the answer sheets"),
    "simulate": Text(zh="考生作答，扫描仪扫描（模拟）", en="Candidates fill the sheets, scanners scan them (simulated)"),
    "send": Text(zh="扫描站发送图像", en="Scan stations send the frames"),
    "read": Text(zh="识读", en="Reading"),
    "desk": Text(zh="异常处理台", en="The exceptions desk"),
    "mark": Text(zh="网上评卷：双评、三评、仲裁", en="Marking: double, third, adjudication"),
    "verify": Text(zh="合成成绩，核对 Z1–Z8", en="Composing scores twice, checking Z1-Z8"),
    "release": Text(zh="两人签发，冻结发布", en="Two people sign, the release is frozen"),
    "report": Text(zh="成绩报告和成绩单", en="Reports and candidate slips"),
    "compare": Text(zh="独立比对", en="Independent comparison"),
    "law": Text(zh="定律", en="law"),
    "holds": Text(zh="结果", en="holds"),
    "detail": Text(zh="说明", en="detail"),
    "yes": Text(zh="成立", en="yes"),
    "no": Text(zh="不成立", en="NO"),
    "sides": Text(zh="扫描面数", en="sides scanned"),
    "person_sides": Text(zh="转人工的面数", en="sides that went to a person"),
    "clean_sides": Text(zh="其中无任何异常的面数", en="of these, clean sides"),
    "wrong_before": Text(zh="人工处理前识读有误的答案（均已被标疑）", en="answers wrong before the clerk, all of them flagged"),
    "wrong_silent": Text(zh="无提示的识读错误", en="answers wrong in silence"),
    "answers_equal": Text(zh="客观题答案与指令一致", en="objective answers equal to what was told"),
    "ambiguous": Text(zh="墨迹本身有歧义：由人工判定", en="ink that has no one meaning: decided by the clerk"),
    "finals_equal": Text(zh="主观题最终分与评卷日志重算一致", en="final marks equal to an adjudication of the journals"),
    "totals_equal": Text(zh="总分一致", en="totals equal"),
    "journal_marks": Text(zh="日志中的给分在库中恰有一次", en="journalled marks in the database exactly once"),
    "pictures_fit": Text(zh="图片墨迹与该考生书写量吻合", en="pictures that fit what their candidate was told to write"),
    "all_equal": Text(zh="全部一致。", en="All equal."),
    "not_equal": Text(zh="不一致：", en="Not equal:"),
    "open_these": Text(zh="可打开：", en="Open these:"),
    "took": Text(zh="用时", en="took"),
    "serving": Text(zh="网页已就绪，可登录评卷；按 Ctrl+C 结束。", en="The pages are up: sign in and mark. Ctrl+C ends."),
    "accounts": Text(zh="账号（密码相同）", en="accounts (one password)"),
    "practice": Text(zh="准备可供您亲自评阅的试卷", en="Preparing scripts for you to mark"),
}


class Speaker:
    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, word: str) -> str:
        return WORDS[word][self.language]
