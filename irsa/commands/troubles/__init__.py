"""Error texts, and what is behind them. Imports nothing."""
