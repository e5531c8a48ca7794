# bench.jq - medians and spread, and how they are written.

def median: sort | .[length / 2 | floor];
def spread: {median: median, low: min, high: max};
def round2: . * 100 | round / 100;
def span: "\(.median | round2) (\(.low | round2) to \(.high | round2))";

# pairs(f) - f of postmeter over f of the null milter, round by round
def ratios(f):
    group_by(.round) | map(
	(map(select(.target == "postmeter")) | first | f) /
	(map(select(.target == "null")) | first | f)) | spread;

# sides(f) - f of each target over the rounds
def of(name; f): map(select(.target == name) | f) | spread;
