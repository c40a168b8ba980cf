"""Points a client at the proxy: what each needs, as data, and its settings file, of which everything else
stays."""
