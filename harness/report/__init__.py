"""What people read: verdict tables in the terminal and in Markdown, and query results in plain formats."""
