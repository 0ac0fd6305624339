"""Orders as other services' named events tell them (R27): the same reading for HTTP and for files.

told.py reads what all of them have in common; braze.py is Braze's recommended events.
"""
