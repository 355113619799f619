"""The text that goes with a release folder, in both languages."""

from __future__ import annotations

from pathlib import Path

from core.tables import Release

_EN = """# Scores of the exam {exam}, release {number}

Digest of the scores: `{digest}`

| file | what it holds |
|---|---|
| scores.csv | each score: `numerator/denominator` is the exact total in hundredths of a mark, `score` the published one |
| items.csv | each item's exact marks in hundredths, and the options that stand for an objective item |
| definition.json, definition.yaml | the exam definition that the scores were composed by: for the check, and to read |
| ledger/ | every change that led to these scores, one chain a file, one entry a line |
| heads.json | where each chain ended at the release, under one root |
| signatures.json | who signed this digest |
| laws.json | what the laws Z1 to Z8 found, and what was overridden |
| changes.csv | what differs from the release before, when there was one |
| SHA256SUMS, SHA256SUMS.sig | the hash of each file, signed by the key of the installation |

Check it, without a network or a database:

    markhall verify-release .

It compares every hash, walks every chain, and composes every score again from the ledger alone.
"""

_ZH = """# 考试 {exam} 的成绩，第 {number} 号发布

成绩摘要：`{digest}`

| 文件 | 内容 |
|---|---|
| scores.csv | 每位考生每科的成绩；`numerator/denominator` 是以百分之一分为单位的精确总分，`score` 是公布的分数 |
| items.csv | 每小题的精确得分（百分之一分）；客观题另列出所认定的选项 |
| definition.json、definition.yaml | 合分所依据的考试定义：一份用于校验，一份供阅读 |
| ledger/ | 产生这些成绩的每一次变动：一个文件一条链，一行一条记录 |
| heads.json | 发布时各条链的末端，以及它们共同的根 |
| signatures.json | 谁签署了这一摘要 |
| laws.json | Z1 至 Z8 的检查结果，以及被否决的项目 |
| changes.csv | 与上一次发布的差异（如有） |
| SHA256SUMS、SHA256SUMS.sig | 每个文件的散列值，由本系统的密钥签名 |

无需网络和数据库即可核验：

    markhall verify-release .

它比对每个散列值，走完每条链，并只凭账本重新合成每一个分数。
"""


def write_readme(out_dir: Path, exam: str, release: Release) -> None:
    for name, text in (("README.md", _EN), ("README.zh-CN.md", _ZH)):
        (out_dir / name).write_text(text.format(exam=exam, number=release.number, digest=release.digest), encoding="utf-8")
