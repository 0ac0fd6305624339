"""The user journey.

decisions.py has the events that are stored beside the facts of domain/facts.py. state.py, history.py and lookups.py
have what is known of a journey. Each module of rules/ decides one group of rules. user_journey.py takes facts (R13,
R17) and is the door for everyone else.
"""
