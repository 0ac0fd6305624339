"""The user journey, a module per part of the rulebook.

facts.py and decisions.py are what is stored; state.py, history.py and lanes.py what is known; journey.py looks things
up; recipients.py (R18), conversions.py (R7 to R9), revenue.py (R11, R12) and upgrades.py (R10) decide; user_journey.py
takes facts (R13, R17) and is the door for everyone else.
"""
