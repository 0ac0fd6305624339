"""Webhooks: what is decided, told to other services by calling them; at least once, and in order for each user.

The log is handed, page by page, to lines: one for each webhook and user. Of a line the first event alone is sent until
it is acknowledged, tried again after ever longer pauses, and parked in the end, while other lines go on. What stands in
a line, and how far the log was handed over, is in the database: a process that is killed loses nothing.
"""
