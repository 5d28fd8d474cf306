"""What sriovctl does to a host: read, plan, apply, verify, undo; effects only through host/api.py."""
