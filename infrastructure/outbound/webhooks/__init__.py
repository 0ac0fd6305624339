"""Webhooks: calls to other services about what is decided; at least once, and in order for each user.

Page by page, the log goes into queues: one for each webhook and user. Only the first event of a queue is sent, until it
is acknowledged; after each failure the pause is longer, and in the end the queue is parked. Other queues go on
meanwhile. The queues, and how far the log is enqueued, are in the database: a process that is killed loses nothing.
"""
