"""The paper simulator: from printed pages and told answers to scans with a known truth."""
