"""The REST interface: what HTTP asks of a host, and what it answers.

``contract`` is pure: routes, schemas, errors, pages, tokens.  ``server`` speaks HTTP, ``access``
knows who asks, ``service`` brings both together, and the rest answers.
"""
