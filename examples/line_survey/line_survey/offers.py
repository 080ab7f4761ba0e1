"""What this package offers: `cadre up --include line_survey.offers`."""

from line_survey.count_lines import COUNT_LINES
from workflows.registry import Pattern

PATTERNS = (Pattern("survey", "Count lines, then write it down.", "line_survey.survey:Survey"),)
TOOLS = (COUNT_LINES,)
AGENTS = "agents"
