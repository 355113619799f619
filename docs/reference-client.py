"""A station in sixty lines: sends the pictures of a folder as one batch. Standard library only; take it as a beginning.

    python reference-client.py http://127.0.0.1:8460 EXAM hall3-0001 FOLDER        (the token in MARKHALL_TOKEN)

Files are named 00001-1.jpg, 00001-2.jpg, 00002-1.jpg: the card's number in the batch, and its face.
"""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path


def ask(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> dict:
    """One request, again and again until the server has answered it. What it refuses is for a person."""
    wait = 0.5
    while True:
        try:
            request = urllib.request.Request(url, body, method=method)
            for name, value in {"Authorization": f"Bearer {os.environ['MARKHALL_TOKEN']}", **(headers or {})}.items():
                request.add_header(name, value)
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code not in (408, 425, 429, 500, 502, 503, 504):
                problem = json.load(error)
                sys.exit(f"{problem['where']}: {problem['title']} {problem['remedy']}")
            wait = float(error.headers.get("Retry-After") or wait)
        except OSError as error:  # no answer: it may have come or not, and sending it again is harmless
            sys.stderr.write(f"{error}; trying again in {wait:g} s\n")
        time.sleep(wait)
        wait = min(2 * wait, 30)


def send(server: str, exam: str, batch: str, folder: Path) -> dict:
    base = f"{server}/api/intake/{urllib.parse.quote(exam)}/batches/{urllib.parse.quote(batch)}"
    as_json = {"Content-Type": "application/json"}
    ask("PUT", base, json.dumps({"operator": "", "scanner": ""}).encode(), as_json)
    files = sorted(folder.glob("?????-[12].*"))
    for file in files:
        sequence, face = file.stem.split("-")
        data = file.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        headers = {"X-Content-SHA256": sha256, "Content-Type": "application/octet-stream"}
        name = urllib.parse.urlencode({"name": file.name})
        answer = ask("PUT", f"{base}/frames/{int(sequence)}/{face}?{name}", data, headers)
        assert answer["sha256"] == sha256, f"the server answered for other bytes than {file}"
    return ask("POST", f"{base}/close", json.dumps({"frames": len(files)}).encode(), as_json)


if __name__ == "__main__":
    counts = send(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    missing = ", ".join(counts["missing"]) or "none"
    sys.stdout.write(f"{counts['received']} frames are there, {counts['declared']} were sent; missing: {missing}\n")
    sys.exit(0 if counts["complete"] else 1)
