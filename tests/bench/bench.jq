# bench.jq - medians and spread, and how they are written.

def median: sort | .[length / 2 | floor];
def spread: {median: median, low: min, high: max};
def round2: . * 100 | round / 100;
def span: "\(.median | round2) (\(.low | round2)-\(.high | round2))";

# of(name; f) - f of one target over the rounds
def of(name; f): map(select(.target == name) | f) | spread;

# ratio(name; to; f) - f of one over f of another, round by round
def ratio(name; to; f):
    group_by(.round) | map(
	(map(select(.target == name)) | first | f) /
	(map(select(.target == to)) | first | f)) | spread;
