"""What copies that are translated bring on descriptions of Debian's packages."""
