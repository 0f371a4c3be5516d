"""The pages of docs that are written from the code: the settings, the modules, and the list of all pages."""
