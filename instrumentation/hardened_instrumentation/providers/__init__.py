"""One module for each provider SDK: its routes, how a client's calls are described, and where its seam goes."""
