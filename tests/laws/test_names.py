"""Our folders are top-level packages, so nothing that is installed beside them may bring one of the same name."""

from importlib.metadata import packages_distributions

OURS = {"core", "scanner", "omr", "marking", "scoring", "api", "web"}


def test_no_installed_distribution_ships_a_package_of_our_names() -> None:
    clashes = {name: owners for name, owners in packages_distributions().items() if name in OURS and set(owners) != {"markhall"}}
    assert clashes == {}


def test_the_measure_itself_sees_what_is_installed() -> None:
    assert packages_distributions()["pytest"] == ["pytest"]
