"""What `sos doctor` looks at, a module for each kind of thing; each gives findings and raises none of our errors."""
