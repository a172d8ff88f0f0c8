"""What mends a link: commands, and documents that let one caller in. Imports nothing."""
