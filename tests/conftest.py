"""Settings of all tests."""

import os

from hypothesis import Phase, settings

# Shrinking a journey takes minutes: a failing run says so at once, and `HYPOTHESIS_PROFILE=shrink` finds the least.
settings.register_profile("quick", deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
settings.register_profile("shrink", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
