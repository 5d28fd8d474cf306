"""Pure: results as tables, JSON, XML and scripts."""
