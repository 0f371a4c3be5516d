"""AWS's API: moto's server, its backends extended where AWS differs."""
