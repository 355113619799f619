"""What every test finds: real servers of its own, and no setting of the machine's user."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.parts.postgres", "tests.parts.valkey", "tests.parts.bucket", "tests.parts.chromium", "tests.parts.exam_server"]

ROOT = Path(__file__).resolve().parent.parent

# A developer's own server must not be met by a test.
for name in [name for name in os.environ if name.startswith("MARKHALL_") and name != "MARKHALL_DATA"]:
    del os.environ[name]

# Two cores that others use too: time says nothing about an example.
settings.register_profile("markhall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("markhall")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real scans that are too large for the repository: MARKHALL_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("MARKHALL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real scans here: {folder} is absent (set MARKHALL_DATA)")
    return folder
