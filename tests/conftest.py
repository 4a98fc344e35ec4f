"""Settings of all tests: properties are tried on the same examples each time, however slow the machine.

A failure is then caused by the change under test and not by chance; `tox -e explore` tries new examples each time.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("explore", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")
