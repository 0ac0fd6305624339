"""The service over HTTP: what other services talk to (docs/http.md).

app.py puts it together; access.py says who may ask; facts.py takes facts; campaigns.py, reports.py and users.py answer;
problems.py, bodies.py and answers.py are the forms of what comes and goes.
"""
