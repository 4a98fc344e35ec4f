"""What holds for all tests: properties are tried on the same examples each time, however slow the machine.

So a red run is the change's own and no stroke of luck; `tox -e explore` tries other examples each time.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")
