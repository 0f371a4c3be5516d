"""The sandbox: a stand-in for AWS and AllegroGraph that runs on one Linux machine."""
