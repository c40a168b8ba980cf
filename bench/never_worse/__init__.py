"""Never worse: random traffic, direct and through the proxy, on the llama-server that users run."""
