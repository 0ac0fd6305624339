"""What is true: campaigns, user journeys, and the rules that decide conversions. Pure: no I/O, no clock."""
