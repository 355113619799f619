"""The web client's own check (its types, its Svelte files), with the Node.js that builds it."""

import os
import subprocess
import sys
from pathlib import Path

from web import build_client


def main() -> int:
    node, npm = build_client.find_node()
    build_client.install_parts(node, npm, everything=True)
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])}
    return subprocess.run([*npm, "run", "--silent", "check"], cwd=build_client.CLIENT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
