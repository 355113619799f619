"""The files that git tracks, and those about to be added; what is built or installed does not count."""

import subprocess
from pathlib import Path


def tracked_files(root: Path) -> list[Path]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return [root / name for name in names if name and (root / name).is_file()]
