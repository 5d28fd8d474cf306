"""The daemon: keeps a host as it was declared.  ``main`` builds it, ``service`` runs it."""
