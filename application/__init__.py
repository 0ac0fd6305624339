"""What can be asked: commands in, aggregates loaded, asked, saved. No rules."""
