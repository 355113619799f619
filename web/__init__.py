"""What people see. Assets only: the built client lies in STATIC, in a wheel as in a checkout.

A server gives index.html at `/` and the files of assets/ (whose names change with their content) at `/assets/`,
all with HEADERS; everything else is under `/api/`. The client's own addresses are behind `#`.
"""

from pathlib import Path
from types import MappingProxyType

STATIC = Path(__file__).resolve().parent / "static"

HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "img-src 'self'",
                "connect-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)

CACHE_FOR_EVER = "public, max-age=31536000, immutable"
"""For /assets/: a changed file has another name. index.html itself goes out with `no-cache`."""
