from __future__ import annotations

import pytest

# Before the contracts are imported, so that a failing assert there says why.
pytest.register_assert_rewrite("tests.contract.contract", "tests.contract.eswitch")
