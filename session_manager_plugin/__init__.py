"""A small session-manager-plugin: the same command line and the same wire format as the one AWS ships."""

VERSION = "1.2.0.0"
