"""The small exam that these tests share."""

from tests.omr.hall import hall as hall
