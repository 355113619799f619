"""What a rehearsal says, in both languages."""

from __future__ import annotations

from core.exam import Language, Text

WORDS: dict[str, Text] = {
    "title": Text(zh="Markhall 演练：整场考试作为一次压力测试", en="Markhall rehearsal: the whole exam as a load test"),
    "servers": Text(zh="启动服务", en="The servers start"),
    "load": Text(zh="建库，载入考试定义、名册和人员", en="The database, the exam, its roster and its people"),
    "paper": Text(zh="答卷入库（视同已识读，不经扫描）", en="The candidates' pages, put in as if read"),
    "sheets": Text(zh="打印、作答、扫描（模拟纸张）", en="Sheets printed, filled and scanned by the simulator"),
    "scan": Text(zh="扫描站发送，识读，处理异常", en="Stations send, readers read, a clerk settles doubts"),
    "responses": Text(zh="生成评卷任务", en="Pages become responses"),
    "seeds": Text(zh="专家定标准分", en="Chief examiners agree definitive marks"),
    "marking": Text(zh="网上评卷", en="Marking"),
    "close": Text(zh="结束评卷，合成成绩，核对 Z1–Z8，两人签发", en="Marking closes: scores, Z1-Z8, two signatures"),
    "release": Text(zh="发布，离线核验", en="The release, checked off line"),
    "findings": Text(zh="与模拟的真值比较", en="Compared with what the simulation knows"),
    "took": Text(zh="用时", en="took"),
    "yes": Text(zh="是", en="yes"),
    "no": Text(zh="否", en="NO"),
    "what": Text(zh="项目", en="what"),
    "value": Text(zh="数值", en="value"),
    "goal": Text(zh="目标", en="goal"),
    "met": Text(zh="达到", en="met"),
    "group": Text(zh="题组", en="item group"),
    "scheme": Text(zh="评卷模式", en="scheme"),
    "responses_n": Text(zh="作答", en="responses"),
    "marks_n": Text(zh="评分", en="marks"),
    "thirds": Text(zh="三评", en="thirds"),
    "leaders": Text(zh="组长评", en="leaders"),
    "arbiters": Text(zh="仲裁", en="arbiters"),
    "exact": Text(zh="最终分即标准分", en="final = definitive"),
    "near": Text(zh="最终分在误差内", en="final near it"),
    "single": Text(zh="单个评分在误差内", en="one mark near it"),
    "covered": Text(zh="严厉度在 95% 区间内 / 人", en="severity within 95 % / markers"),
    "marker": Text(zh="评卷员", en="marker"),
    "careless": Text(zh="敷衍", en="careless"),
    "rule": Text(zh="停评规则", en="stopped by"),
    "marks_until": Text(zh="此前评分", en="after marks"),
    "put_back": Text(zh="退回", en="put back"),
    "alarms": Text(zh="预警", en="alarms"),
    "nobody": Text(zh="无", en="nobody"),
    "law": Text(zh="定律", en="law"),
    "holds": Text(zh="成立", en="holds"),
    "detail": Text(zh="说明", en="detail"),
    "result": Text(zh="结果写入", en="The result is in"),
}


class Speaker:
    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, word: str) -> str:
        return WORDS[word][self.language]
