"""A stand-in for an AllegroGraph server, as far as a federation needs one."""
