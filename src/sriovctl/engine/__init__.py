"""What sriovctl does to a host; it touches one only through the Protocols of host/api.py."""
