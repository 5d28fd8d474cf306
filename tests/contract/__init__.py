from __future__ import annotations

import pkgutil

import pytest

# Before the contracts are imported, so that a failing assert there says why.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__))
)
