"""The password that the recordings leave out."""

import pytest
from recorded_app import PASSWORD


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment variable from which a generated test reads the password."""
    monkeypatch.setenv("SIO_PASSWORD", PASSWORD)
