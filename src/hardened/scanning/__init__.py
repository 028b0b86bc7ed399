"""Looking for private data in files (`hardened scan`), and taking it out of datasets (`hardened scrub`)."""
