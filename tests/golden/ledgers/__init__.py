"""Ledgers that earlier versions wrote."""
