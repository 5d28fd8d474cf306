"""Pure, immutable types: what a host has, what somebody wants of it, and the plan between the two.

Most are ``NamedTuple`` rather than frozen dataclasses.  Both are immutable and typed, but
importing ``dataclasses`` and building two dozen classes doubles the start-up time of a short
command (measured: 19 ms against 3 ms), and start-up is most of what ``ls`` costs.
"""
