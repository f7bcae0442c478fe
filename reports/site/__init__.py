"""The page, and the folder it is written into."""
