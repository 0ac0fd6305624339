"""How decisions reach other services: the feed reads them, webhooks push them.

There is no outbox table: the log is the outbox. It has no gaps, a decision and the fact behind it commit together, and
whoever delivers keeps the position up to which it has read.
"""
