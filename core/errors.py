"""Every error that a user can meet, as one tree.

MarkhallError                    something is wrong and a person can do something about it
├── BadInput                     what was handed in cannot be used            exit 2, HTTP 422
│   ├── ExamInvalid              an exam definition or roster
│   ├── TemplateInvalid          a sheet template
│   └── FrameUnreadable          a picture, TIFF or PDF that cannot be read as a page
├── Refused                      understood, and not allowed
│   ├── NotSignedIn              no or a wrong token or password              exit 4, HTTP 401
│   ├── Forbidden                signed in, but the role does not reach       exit 4, HTTP 403
│   ├── NotFound                 no such record                               exit 2, HTTP 404
│   ├── Conflict                 the record's state does not permit it        exit 2, HTTP 409
│   └── TooMany                  more at once than one may send              exit 5, HTTP 429
├── NotProven                    a law Z1-Z8 does not hold, a chain is broken exit 3, HTTP 409
└── Unavailable                  a part that is needed is not there           exit 5, HTTP 503
    └── NotInstalled             a program or library of this machine

Each says what is wrong (`message`), where (`where`: file, page, field or record) and what to do
(`remedy`). Nothing else is shown to a user; anything that is not in this tree is a defect.
"""

from __future__ import annotations


class MarkhallError(Exception):
    code = "error"
    exit_status = 1
    http_status = 500

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.remedy}" if self.remedy else ""
        return f"{place}{self.message}{advice}"


class BadInput(MarkhallError):
    code = "bad-input"
    exit_status = 2
    http_status = 422


class ExamInvalid(BadInput):
    code = "exam-invalid"


class TemplateInvalid(BadInput):
    code = "template-invalid"


class FrameUnreadable(BadInput):
    code = "frame-unreadable"


class Refused(MarkhallError):
    code = "refused"
    exit_status = 2
    http_status = 409


class NotSignedIn(Refused):
    code = "not-signed-in"
    exit_status = 4
    http_status = 401


class Forbidden(Refused):
    code = "forbidden"
    exit_status = 4
    http_status = 403


class NotFound(Refused):
    code = "not-found"
    http_status = 404


class Conflict(Refused):
    code = "conflict"
    http_status = 409


class TooMany(Refused):
    code = "too-many"
    exit_status = 5
    http_status = 429

    def __init__(self, message: str, *, where: str = "", remedy: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.retry_after = retry_after  # seconds


class NotProven(MarkhallError):
    code = "not-proven"
    exit_status = 3
    http_status = 409


class Unavailable(MarkhallError):
    code = "unavailable"
    exit_status = 5
    http_status = 503


class NotInstalled(Unavailable):
    code = "not-installed"
