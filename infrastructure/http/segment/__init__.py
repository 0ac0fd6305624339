"""Drop-in intake for Segment's public tracking clients (docs/segment.md): their messages become facts of the ledger."""
