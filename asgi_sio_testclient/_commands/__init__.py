"""The subcommands, one module each; ``_cli`` says which there are and imports them when asked."""
