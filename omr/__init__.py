"""Registered page to answers and regions: the sheet it draws is the sheet it reads."""
