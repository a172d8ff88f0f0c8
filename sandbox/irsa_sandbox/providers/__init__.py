"""Resource providers that the engine attaches to instead of starting plugins. Imports nothing."""
