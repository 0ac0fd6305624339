"""The figures as SVG, for command line, dashboard and audit page: figures in, a `Picture` out.

picture.py has what every picture is, svg.py and lettering.py what it is made of; the other modules draw one kind each.
Positions across are shares of the width, so that a picture fits any width with letters of the same size.
"""
