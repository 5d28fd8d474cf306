"""All cases of the table, in its order."""

from cases import apply, attributes, binding, listing, prediction, rescan, start

CASES = (
    *listing.CASES,
    *attributes.CASES,
    *apply.CASES,
    *binding.CASES,
    *start.CASES,
    *rescan.CASES,
    *prediction.CASES,
)
