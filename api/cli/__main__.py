"""`python -m api.cli` is `markhall`."""

from api.cli import main

main()
