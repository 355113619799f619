"""Installs what a make target needs, and says what; a second run finds it there and says nothing.

`python3 -m tools.install runtime` what `make demo` needs; `tests` adds the developer's packages;
`machine` adds programs that come from the operating system. Standard library only, and readable
by older Pythons, so that they can say what is wrong.
"""

from __future__ import annotations

import sys


def main(wanted: list[str]) -> int:
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:2]))
        print(f"Markhall needs Python 3.11 or newer, and python3 here is {found}. Install one, e.g. `sudo apt-get install python3.11`.")
        return 1
    from tools import environment, machine

    try:
        if "runtime" in wanted or "tests" in wanted:
            environment.install(with_tests="tests" in wanted)
            environment.warm_up()
        if "machine" in wanted:
            machine.install()
    except environment.CannotInstallError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
