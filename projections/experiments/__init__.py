"""Experiments (R21): what a test of a campaign's variants is computed from, now or at a position of the past.

It is a second question to the read model of recipients, and keeps no tables of its own: recipients/one_variant.py sums
up users of exactly one variant while it writes. counted.py: the counts. weights.py: the weights that shared the users.
"""
