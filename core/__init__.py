"""What every stage shares and no stage owns. No exam rule lives here, and nothing here needs pixels."""
