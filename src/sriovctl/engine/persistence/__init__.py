"""A state brought back at each boot, and looked at afterwards."""
