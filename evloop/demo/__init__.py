"""The server's own figures at an address of the site; imported only where that is switched on."""
