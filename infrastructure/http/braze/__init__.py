"""What Braze's clients call, answered in its shapes (docs/braze.md).

tracking.py takes events and purchases, which facts.py reads; directory.py lists and shows campaigns and canvases;
series.py tells them by day; answers.py has the shapes and the failures; routes.py is all of it together.
"""
