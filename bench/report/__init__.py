"""What becomes of the figures: goals, tables, plots and the pages that show them."""
