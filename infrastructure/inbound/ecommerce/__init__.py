"""Orders in the named events of other services (R27), read alike over HTTP and from files.

products.py reads what all of them have in common; braze.py reads Braze's recommended events.
"""
