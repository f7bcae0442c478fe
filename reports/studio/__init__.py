"""Where figures are drawn: side by side in processes of their own, and once for what they show.

A figure that fails, ends its process or takes too long costs the report that figure alone.
"""
