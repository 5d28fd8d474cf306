"""Plans carried out: applied, verified, taken up and taken back, with journal and locks."""
