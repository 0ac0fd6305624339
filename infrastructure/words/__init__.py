"""The sentences that people read, as plain text: terminal and dashboard say the same.

Nothing here knows markup, colours or pages. Whoever shows a sentence escapes it and gives its role a look.
"""
