"""What people and programs get to see: text, JSON, one file for each kind of result."""
