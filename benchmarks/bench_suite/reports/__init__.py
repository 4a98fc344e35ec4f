"""Reports: tables, Markdown, plots and what the terminal shows."""
